//go:build tools

// Package tools keeps the program that install_victorialogs.py builds among the requirements of this module.
package tools

import (
	_ "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs"
)
