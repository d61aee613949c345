//go:build tools

// Package tools keeps what install_kubernetes.py needs among the requirements of this module: the operator's types, and
// the program that writes custom resource definitions from them.
package tools

import (
	_ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	_ "sigs.k8s.io/controller-tools/cmd/controller-gen"
)
