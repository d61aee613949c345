//go:build tools

// Package tools keeps the program that install_thanos.py builds among the requirements of this module.
package tools

import (
	_ "github.com/thanos-io/thanos/cmd/thanos"
)
