package report

import (
	"math"
	"reflect"
	"testing"
)

// A ratio to nothing is no number, which JSON could not write.
func TestSetLeavesOutWhatIsNoNumber(t *testing.T) {
	var r Result
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		r.Set(ToBare, v)
	}
	if len(r.Figures) != 0 {
		t.Errorf("%v", r.Figures)
	}
	r.Set(ToBare, 0)
	r.Set(ToBare, 0.5)
	if len(r.Figures) != 1 || r.Figures[ToBare] != 0.5 {
		t.Errorf("%v", r.Figures)
	}
}

// Each kind of event is added up: a field that add forgot would hide losses in the table.
func TestAccountsAddUp(t *testing.T) {
	var one, three Account
	for i := range reflect.TypeFor[Account]().NumField() {
		for account, factor := range map[*Account]int{&one: 1, &three: 3} {
			field := reflect.ValueOf(account).Elem().Field(i)
			field.Set(reflect.ValueOf((i + 1) * factor).Convert(field.Type()))
		}
	}
	if got := one.add(one).add(one); got != three {
		t.Errorf("three times %+v is %+v", one, got)
	}
	if got := one.add(Account{}); got != one {
		t.Errorf("with nothing added: %+v", got)
	}
}
