package main

import (
	"fmt"
	"go/ast"
	"go/token"
)

// countDecl counts a function, and whether what the declaration exports is documented.
func (f *folder) countDecl(files *token.FileSet, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		f.functions = append(f.functions, function{
			name: d.Name.Name, at: place(files, d.Pos()), lines: files.Position(d.End()).Line - files.Position(d.Pos()).Line + 1,
		})
		if d.Recv == nil || exportedReceiver(d.Recv) {
			f.count(files, d.Name, d.Doc != nil)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			f.countSpec(files, d, spec)
		}
	}
}

// countSpec counts what one line of a declaration exports. Its own comment counts, one at
// the end of the line, and the group's.
func (f *folder) countSpec(files *token.FileSet, d *ast.GenDecl, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		f.count(files, s.Name, d.Doc != nil || s.Doc != nil || s.Comment != nil)
	case *ast.ValueSpec:
		for _, name := range s.Names {
			f.count(files, name, d.Doc != nil || s.Doc != nil || s.Comment != nil)
		}
	}
}

// count counts a name if it is exported.
func (f *folder) count(files *token.FileSet, name *ast.Ident, documented bool) {
	if !name.IsExported() {
		return
	}
	f.exported++
	if documented {
		f.documented++
		return
	}
	f.undocumented = append(f.undocumented, place(files, name.Pos())+": "+name.Name)
}

// place returns FILE:LINE, the form in which editors find it.
func place(files *token.FileSet, at token.Pos) string {
	p := files.Position(at)
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// exportedReceiver reports whether a method belongs to an exported type. Methods of others
// are not on any page of documentation.
func exportedReceiver(list *ast.FieldList) bool {
	kind := list.List[0].Type
	for {
		switch t := kind.(type) {
		case *ast.StarExpr:
			kind = t.X
		case *ast.IndexExpr:
			kind = t.X
		case *ast.IndexListExpr:
			kind = t.X
		case *ast.Ident:
			return t.IsExported()
		default:
			return false
		}
	}
}
