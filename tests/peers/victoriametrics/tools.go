//go:build tools

// Package tools keeps the programs that install_victoriametrics.py builds among the requirements of this module.
package tools

import (
	_ "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics"
	_ "github.com/VictoriaMetrics/VictoriaMetrics/app/vmalert"
)
