package socket_test

import (
	"fmt"
	"net"

	"github.com/corpastro/astrohook/actors/sender/socket"
)

// A kept connection that the receiver has closed must not carry the next request. The
// socket says so without a read that could block.
func ExampleSocket_Quiet() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = listener.Close() }()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = near.Close() }()
	far, err := listener.Accept()
	if err != nil {
		fmt.Println(err)
		return
	}
	kept := socket.Of(near)
	fmt.Println("open and quiet:", kept.Quiet())
	_ = far.Close()
	for kept.Quiet() { // until loopback has delivered the end
	}
	fmt.Println("closed and quiet:", kept.Quiet())
	// Output:
	// open and quiet: true
	// closed and quiet: false
}
