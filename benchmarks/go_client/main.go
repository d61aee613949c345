// The Go side of beside_go.py: the six updates of one request, and one scrape, on client_golang.
//
// Reads {"families": [{"name", "kind", "buckets"}], "rows": [[code, method, route], ...]} from standard input and
// writes {"record_ns", "scrape_ns", "lines"}. Times are CPU times of the process, with one thread for Go code.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"runtime"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

type family struct {
	Name    string    `json:"name"`
	Kind    string    `json:"kind"`
	Buckets []float64 `json:"buckets"`
}

type input struct {
	Families []family    `json:"families"`
	Rows     [][3]string `json:"rows"`
}

const (
	records = 300_000
	scrapes = 100
)

func cpu() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func main() {
	runtime.GOMAXPROCS(1)
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		panic(err)
	}
	registry := prometheus.NewRegistry()
	labels := []string{"code", "method", "route"}
	inFlight := prometheus.NewGauge(prometheus.GaugeOpts{Name: "in_flight", Help: "In flight."})
	registry.MustRegister(inFlight)
	var counter *prometheus.CounterVec
	var histograms []*prometheus.HistogramVec
	for _, one := range in.Families {
		if one.Kind == "counter" {
			counter = prometheus.NewCounterVec(prometheus.CounterOpts{Name: one.Name, Help: "A counter."}, labels)
			registry.MustRegister(counter)
			continue
		}
		made := prometheus.NewHistogramVec(
			prometheus.HistogramOpts{Name: one.Name, Help: "A histogram.", Buckets: one.Buckets}, labels)
		registry.MustRegister(made)
		histograms = append(histograms, made)
	}
	observe := func(row [3]string) {
		inFlight.Inc()
		inFlight.Dec()
		counter.WithLabelValues(row[0], row[1], row[2]).Inc()
		for _, one := range histograms {
			one.WithLabelValues(row[0], row[1], row[2]).Observe(0.012)
		}
	}
	for _, row := range in.Rows {
		observe(row)
	}
	start := cpu()
	for i := 0; i < records; i++ {
		observe(in.Rows[i%5])
	}
	record := float64(cpu()-start) / records

	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true})
	request := httptest.NewRequest("GET", "/metrics", nil)
	lines := 0
	start = cpu()
	for i := 0; i < scrapes; i++ {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		if i == 0 {
			lines = bytes.Count(answer.Body.Bytes(), []byte("\n"))
		}
	}
	scrape := float64(cpu()-start) / scrapes
	fmt.Printf(`{"record_ns": %.0f, "scrape_ns": %.0f, "lines": %d}`+"\n", record, scrape, lines)
}
