//go:build faults

package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/corpastro/astrohook/storage/pgstore/pgtest"
)

// patroniPatience bounds a failover by Patroni, which waits for 20 s at the least until it
// takes a leader for dead.
const patroniPatience = 4 * time.Minute

// TestFaultPatroni has Patroni with etcd run a primary and two standbys, and kills the
// leader under load, again and again; and once both standbys. It belongs to the long form,
// and needs Debian's packages patroni and etcd-server: `make setup-patroni` installs them.
func TestFaultPatroni(t *testing.T) {
	rounds := faults(t, 0, 10)
	if rounds == 0 {
		t.Skip("FAULTS=long only")
	}
	p := startPatroni(t)
	c := startCluster(t, clusterOptions{url: p.url})
	c.run("leader killed", func(t *testing.T) { c.killLeaders(t, p, rounds) })
	c.run("standbys killed", func(t *testing.T) { c.killStandbys(t, p) })
}

// killLeaders kills the leader, waits for another one, and has the former one come back.
func (c *clusterTrial) killLeaders(t *testing.T, p *patroni, rounds int) {
	t.Helper()
	stop := c.load()
	for range rounds {
		leader := p.leader(t)
		c.during(func() {
			leader.kill(t)
			killed := time.Now()
			before := c.acknowledged()
			awaitFor(t, patroniPatience, "another leader", func() error {
				if n := c.acknowledged() - before; n < 200 { // what was on its way is fewer
					return fmt.Errorf("%d acknowledged", n)
				}
				return nil
			})
			t.Logf("%s killed: 200 events were acknowledged after %s", leader.name, time.Since(killed).Round(time.Millisecond))
			leader.start(t)
			p.awaitStandbys(t, 2)
		})
	}
	stop()
	c.audit()
}

// killStandbys kills both standbys for longer than Patroni takes to notice. A cluster that
// is not strict would go on without them, and acknowledge what only the leader has.
func (c *clusterTrial) killStandbys(t *testing.T, p *patroni) {
	t.Helper()
	leader := p.leader(t)
	stop := c.load()
	c.during(func() {
		for _, m := range p.members {
			if m != leader {
				m.kill(t)
			}
		}
		time.Sleep(2 * time.Second) // for what had been synchronous before
		before := c.acknowledged()
		time.Sleep(30 * time.Second) // Patroni looks every 5 s, and waits for 20
		if n := c.acknowledged() - before; n > 0 {
			t.Errorf("%d events were acknowledged without a standby", n)
		}
		for _, m := range p.members {
			if m != leader {
				m.start(t)
			}
		}
		p.awaitStandbys(t, 2)
		c.awaitAcknowledged(100)
	})
	stop()
	c.audit()
}

// patroni is a database with three members and one etcd.
type patroni struct {
	members []*patroniMember
	url     string // of a database, at all members
}

type patroniMember struct {
	name, config, data string
	port               int
	log                tail
	cmd                *exec.Cmd
	ended              chan struct{}
}

// startPatroni starts etcd and the members, and returns once two standbys follow the leader.
func startPatroni(t *testing.T) *patroni {
	t.Helper()
	for _, program := range []string{"patroni", "etcd"} {
		if _, err := exec.LookPath(program); err != nil {
			leaveOut(t, "needs patroni and etcd: make setup-patroni installs them (Debian: apt-get install patroni etcd-server)")
		}
	}
	dir := publicDir(t)
	if as := asPostgres(t); as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	etcd := startEtcd(t, dir)
	p := &patroni{}
	var hosts []string
	for i := range 3 {
		m := newPatroniMember(t, dir, fmt.Sprintf("member-%d", i+1), etcd)
		p.members = append(p.members, m)
		hosts = append(hosts, fmt.Sprint("127.0.0.1:", m.port))
		m.start(t)
		t.Cleanup(func() { m.kill(t) })
		if i == 0 {
			p.url = "postgres://" + pgtest.User + ":" + pgtest.Password + "@" + hosts[0] + "/postgres?sslmode=disable&connect_timeout=5"
			p.awaitStandbys(t, 0)
		}
	}
	p.url = strings.Replace(p.url, hosts[0], strings.Join(hosts, ","), 1) + "&target_session_attrs=read-write"
	p.awaitStandbys(t, 2)
	execute(t, p.url, "CREATE DATABASE hooks")
	p.url = strings.Replace(p.url, "/postgres?", "/hooks?", 1)
	return p
}

// startEtcd starts one etcd and returns its address.
func startEtcd(t *testing.T, dir string) (address string) {
	t.Helper()
	address = reserveAddress(t)
	peers := "http://" + reserveAddress(t)
	cmd := exec.Command("etcd", "--name=one", "--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls=http://"+address, "--advertise-client-urls=http://"+address,
		"--listen-peer-urls="+peers, "--initial-advertise-peer-urls="+peers, "--initial-cluster=one="+peers)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: asPostgres(t)}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	await(t, "etcd", func() error {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			err = conn.Close()
		}
		return err
	})
	return address
}

// patroniConfig is a member's. Strict means that the leader waits for a standby even if
// there is none.
const patroniConfig = `
scope: e2e
name: %[1]s
restapi: {listen: '%[2]s', connect_address: '%[2]s'}
etcd3: {hosts: '%[3]s'}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 5
    retry_timeout: 5
    synchronous_mode: true
    synchronous_mode_strict: true
    postgresql:
      use_pg_rewind: true
      parameters: {max_connections: 100, wal_log_hints: 'on'}
  initdb: [{encoding: UTF8}, {locale: C}]
postgresql:
  listen: '127.0.0.1:%[4]d'
  connect_address: '127.0.0.1:%[4]d'
  data_dir: '%[5]s'
  bin_dir: '%[6]s'
  pgpass: '%[5]s.pass'
  authentication:
    superuser: {username: '%[7]s', password: '%[8]s'}
    replication: {username: replicator, password: '%[8]s'}
  parameters: {unix_socket_directories: '%[9]s', listen_addresses: 127.0.0.1}
  pg_hba:
    - local all all scram-sha-256
    - host all all 127.0.0.1/32 scram-sha-256
    - host replication all 127.0.0.1/32 scram-sha-256
`

// newPatroniMember writes the configuration of a member.
func newPatroniMember(t *testing.T, dir, name, etcd string) *patroniMember {
	t.Helper()
	_, port, err := net.SplitHostPort(reserveAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	m := &patroniMember{name: name, config: filepath.Join(dir, name+".yml"), data: filepath.Join(dir, name)}
	if m.port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	programs, err := pgtest.Programs()
	if err != nil {
		leaveOut(t, err.Error())
	}
	text := fmt.Sprintf(patroniConfig, name, reserveAddress(t), etcd, m.port, m.data, programs, pgtest.User, pgtest.Password, dir)
	if err := os.WriteFile(m.config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return m
}

// start starts Patroni, which starts the server.
func (m *patroniMember) start(t *testing.T) {
	t.Helper()
	m.cmd = exec.Command("patroni", m.config)
	m.cmd.Dir = filepath.Dir(m.config)
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: asPostgres(t)}
	m.cmd.Stdout, m.cmd.Stderr = &m.log, &m.log
	m.cmd.WaitDelay = time.Second // the server keeps the output open
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	m.ended = ended
	go func() {
		_ = m.cmd.Wait() // it is killed in the end
		close(ended)
	}()
}

// kill kills Patroni and the server with all its processes, as a power cut would.
func (m *patroniMember) kill(t *testing.T) {
	t.Helper()
	_ = m.cmd.Process.Kill() // it may have ended
	<-m.ended
	if t.Failed() {
		t.Logf("%s:\n%s", m.name, m.log.String())
	}
	text, err := os.ReadFile(filepath.Join(m.data, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil || pid < 2 {
		t.Fatalf("%s has no process: %v", m.name, err)
	}
	out, _ := exec.Command("ps", "-o", "pid=", "--ppid", line).Output() // fails if there are none
	_ = syscall.Kill(pid, syscall.SIGKILL)                              // it may have ended
	for _, field := range strings.Fields(string(out)) {
		if child, err := strconv.Atoi(field); err == nil && child > 1 {
			_ = syscall.Kill(child, syscall.SIGKILL) // it may have ended with its parent
		}
	}
}

// leader returns the member that takes writes.
func (p *patroni) leader(t *testing.T) *patroniMember {
	t.Helper()
	var port int
	awaitFor(t, patroniPatience, "a leader", func() error { return p.ask(t, "SELECT inet_server_port()", &port) })
	for _, m := range p.members {
		if m.port == port {
			return m
		}
	}
	t.Fatalf("the leader listens on %d, which is no member's", port)
	return nil
}

// awaitStandbys waits until so many standbys follow the leader, and one of them, if there is
// any, is synchronous.
func (p *patroni) awaitStandbys(t *testing.T, want int) {
	t.Helper()
	awaitFor(t, patroniPatience, "standbys", func() error {
		var n int
		err := p.ask(t, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND (SELECT "+
			strconv.Itoa(want)+" = 0 OR count(*) > 0 FROM pg_stat_replication WHERE sync_state <> 'async')", &n)
		if err == nil && n < want {
			err = fmt.Errorf("%d of %d", n, want)
		}
		return err
	})
}

// ask asks the leader.
func (p *patroni) ask(t *testing.T, sql string, answer any) error {
	conn, err := pgx.Connect(t.Context(), p.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(t.Context()) }()
	return conn.QueryRow(t.Context(), sql).Scan(answer)
}

// asPostgres is the user that PostgreSQL runs as where root starts it; nil for others.
func asPostgres(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
