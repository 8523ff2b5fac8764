package inspect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/corpastro/astrohook/actors/sender/guard"
)

// wayTimeout bounds each step to a target.
const wayTimeout = 5 * time.Second

// way examines the way to a target, as a delivery would take it: the URL, the guard, the
// name, the connection and the certificate. It sends no request.
func (d *Doctor) way(ctx context.Context, add report) {
	switch {
	case d.Target == "":
		add("target", skipped, "--target URL examines the way to one")
		return
	case d.Config.EgressProxy != "":
		add("target", skipped, "deliveries go through the egress proxy, which alone knows the way")
		return
	}
	target, err := guard.ParseTarget(d.Target)
	if err != nil {
		add("target", fault, "the URL "+err.Error())
		return
	}
	rules, err := d.Config.Guard()
	if err != nil {
		add("guard", fault, err.Error())
		return
	}
	addrs, err := admitted(ctx, rules, target, add)
	if err != nil {
		return
	}
	unreached := map[netip.AddrPort]error{}
	for _, addr := range addrs {
		to := netip.AddrPortFrom(addr, target.Port)
		if err := reach(ctx, target, to); err != nil {
			unreached[to] = err
			continue
		}
		add("connection", ok, to.String())
	}
	for to, err := range unreached {
		status := warning // a delivery takes the address that answers
		if len(unreached) == len(addrs) {
			status = fault
		}
		add("connection", status, fmt.Sprintf("%s: %v", to, err))
	}
}

// admitted asks the guard for the addresses of a target. The lookup is a finding of its own:
// a name that does not resolve is not the guard's fault.
func admitted(ctx context.Context, rules *guard.Guard, target guard.TargetURL, add report) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, wayTimeout)
	defer cancel()
	var unresolved error
	addrs, err := rules.Admit(ctx, target, func(ctx context.Context, host string) ([]netip.Addr, error) {
		begin := time.Now()
		found, err := (&net.Resolver{PreferGo: true}).LookupNetIP(ctx, "ip", host)
		if err != nil {
			unresolved = err
			add("DNS", fault, err.Error())
			return nil, err
		}
		for i := range found {
			found[i] = found[i].Unmap()
		}
		add("DNS", ok, fmt.Sprintf("%s is %s, after %s", host, joined(found), time.Since(begin).Round(time.Millisecond)))
		return found, nil
	})
	switch {
	case err == nil:
		add("guard", ok, "admits "+joined(addrs))
	case unresolved == nil:
		add("guard", fault, err.Error())
	}
	return addrs, err
}

// joined returns addresses with commas.
func joined(addrs []netip.Addr) string {
	var texts []string
	for _, addr := range addrs {
		texts = append(texts, addr.String())
	}
	return strings.Join(texts, ", ")
}

// reach opens a connection to one address of a target, and closes it.
func reach(ctx context.Context, target guard.TargetURL, to netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, wayTimeout)
	defer cancel()
	address := net.JoinHostPort(to.Addr().String(), strconv.Itoa(int(to.Port())))
	if !target.Secure {
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return reasonOf(err)
		}
		return connection.Close()
	}
	dialer := tls.Dialer{Config: &tls.Config{ServerName: target.Host, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}}
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return reasonOf(err)
	}
	return connection.Close()
}

// reasonOf returns an error without the address, which stands beside it.
func reasonOf(err error) error {
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		return failed.Err
	}
	return err
}
