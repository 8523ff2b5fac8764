package http1

// The fixed pieces of a request's head. Callers append them to one buffer, so that
// a request goes out in one write and a receiver sees it in as few packets as
// possible.
const (
	// FieldEnd separates the name of a field from its value.
	FieldEnd = ": "
	// HeadEnd ends the last field and the head.
	HeadEnd = "\r\n\r\n"
)

// RequestStart returns the request line and the Host field, without the end of the
// latter: fields follow, each begun with FieldStart, and then HeadEnd. target is in
// the form that fits the method (RFC 9112, section 3.2). The caller has checked
// that neither target nor host contains white space or control bytes.
func RequestStart(method, target, host string) string {
	return method + " " + target + " HTTP/1.1" + FieldStart("Host") + host
}

// FieldStart returns what goes before the value of a field with this name: the end
// of the line before, the name and the colon.
func FieldStart(name string) string { return "\r\n" + name + FieldEnd }

// AppendValue appends a field's value without its control bytes, one of which
// could end the field and begin another. Values are checked where they come from;
// this is the last place where it can matter.
func AppendValue(dst []byte, value string) []byte {
	for i := range len(value) {
		if c := value[i]; c >= ' ' && c != 0x7f {
			dst = append(dst, c)
		}
	}
	return dst
}
