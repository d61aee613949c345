#!/usr/bin/env node
// Each line of standard input is a KQL text as JSON; the answer is one line: its tree, or null where it is refused.
// Numbers are written as {"number": "<text>"}, because JSON has no Infinity.
"use strict";
const { createInterface } = require("node:readline");
const { fromKueryExpression } = require("@cybernetex/kbn-es-query");

function tree(text) {
  try {
    return fromKueryExpression(text);
  } catch (error) {
    if (error.constructor.name === "KQLSyntaxError") return null;
    throw error;
  }
}

const numbers = (key, value) => (typeof value === "number" ? { number: String(value) } : value);

createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(JSON.stringify(tree(JSON.parse(line)), numbers) + "\n");
});
