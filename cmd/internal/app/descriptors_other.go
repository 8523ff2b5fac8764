//go:build !unix

package app

import "github.com/corpastro/astrohook/storage/disk"

// shareDescriptors fails here, where the server does not run.
func shareDescriptors() (descriptors, error) { return descriptors{}, disk.Supported() }
