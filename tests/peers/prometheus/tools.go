//go:build tools

// Package tools keeps the programs that install.py builds among the requirements of this module.
package tools

import (
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
