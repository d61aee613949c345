//go:build tools

// Package tools keeps the program that install_cortex.py builds among the requirements of this module.
package tools

import (
	_ "github.com/cortexproject/cortex/cmd/cortex"
)
