//go:build tools

// Package tools keeps the program that install_kubernetes.py builds among the requirements of this module.
package tools

import _ "go.etcd.io/etcd/server/v3"
