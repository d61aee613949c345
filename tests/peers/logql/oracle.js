#!/usr/bin/env node
// Each line of standard input is a LogQL text as JSON; the answer is one line: the places of its errors, none if it is LogQL.
"use strict";
const { createInterface } = require("node:readline");
const { parser } = require("@grafana/lezer-logql");

function errors(text) {
  const found = [];
  parser.parse(text).iterate({ enter: (node) => void (node.type.isError && found.push(node.from)) });
  return found;
}

createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(JSON.stringify(errors(JSON.parse(line))) + "\n");
});
