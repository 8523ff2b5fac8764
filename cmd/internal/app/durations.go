package app

import (
	"fmt"
	"reflect"
	"time"

	"github.com/alecthomas/kong"

	"github.com/corpastro/astrohook/webhook"
)

// Durations returns the parser's option for durations with days and weeks: "7d",
// "1w2d". Every parser of a Config needs it.
func Durations() kong.Option {
	return kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(readDuration))
}

// readDuration takes the place of the parser's own decoder, which ends at hours.
func readDuration(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("duration")
	if err != nil {
		return err
	}
	text, is := token.Value.(string)
	if !is { // a number without a unit, from a settings file
		text = fmt.Sprint(token.Value)
	}
	d, err := webhook.ParseDuration(text)
	if err != nil {
		return err
	}
	target.SetInt(int64(d))
	return nil
}
