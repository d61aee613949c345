// The script of a snapshot: draws each panel when it comes near the window, with the Vega libraries bundled above it.
// `vega` and `vegaEmbed` are theirs; everything else here is in one scope, and nothing is fetched.
const page = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;
const values = document.getElementById("values");
const drawn = new Map(); // panel element -> { view, hidden, chart }

// Units: (size, suffix) from small to large, as Python writes numbers too.
function numberText(value) {
  if (value === 0) return "0";
  if (Math.abs(value) >= 1e15) return value.toExponential(2).replace(/\.?0+e/, "e");
  const decimals = Math.min(Math.max(2 - Math.floor(Math.log10(Math.abs(value))), 0), 12);
  const text = value.toFixed(decimals);
  const short = text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
  return short === "-0" ? "0" : short;
}
function valueText(value, unit) {
  const steps = page.units[unit] || page.units.none;
  const magnitude = Math.abs(value) * (1 + 1e-9);
  let step = steps[0];
  if (value === 0) step = steps.find(([size]) => size === 1) || step;
  else for (const one of steps) if (one[0] <= magnitude) step = one;
  return numberText(value / step[0]) + step[1];
}
function timeText(ms) {
  return new Date(ms).toISOString().replace("T", " ").slice(0, page.step < 60000 ? 19 : 16) + " UTC";
}

// Rows that a specification reads, from the compact data.
function rowsOf(data, hidden) {
  if (data.form === "rows") return data.values;
  const rows = [];
  data.values.forEach((list, s) => {
    if (hidden.has(s)) return;
    list.forEach((v, index) => {
      const t = data.first + index * data.step;
      if (data.form === "heat") {
        if (v) rows.push({ t, t2: t + data.step, s, v });
        return;
      }
      const lone = v !== null && (list[index - 1] ?? null) === null && (list[index + 1] ?? null) === null;
      rows.push({ t, s, v, lone });
    });
  });
  return rows;
}
function timesOf(data) {
  if (data.form !== "series") return [];
  return data.values[0].map((_, index) => ({ t: data.first + index * data.step }));
}

// The tooltip: every series at the time under the pointer, or one cell of a heat map.
function lineOf(color, name, text) {
  const line = document.createElement("div");
  const mark = document.createElement("i");
  mark.style.setProperty("--color", color);
  const label = document.createElement("span");
  label.textContent = name;
  const value = document.createElement("b");
  value.textContent = text;
  line.append(mark, label, value);
  return line;
}
function linesAt(chart, datum, hidden) {
  const { data, names, colors, unit } = chart;
  if (data.form === "heat") return [lineOf("transparent", bucketText(names, datum.s), valueText(datum.v, unit))];
  const index = Math.round((datum.t - data.first) / data.step);
  return data.values
    .map((list, s) => [list[index], s])
    .filter(([v, s]) => v !== null && v !== undefined && !hidden.has(s))
    .sort((one, other) => other[0] - one[0])
    .slice(0, 20)
    .map(([v, s]) => lineOf(colors[s], names[s], wordsAt(chart, s, index) || valueText(v * data.size, unit)));
}
function bucketText(names, s) {
  return names[s] !== "more" ? "up to " + names[s] : s ? "above the highest bucket, " + names[s - 1] : "all";
}
// Of a percentile on a bucket's edge, all that is known of it.
function wordsAt(chart, s, index) {
  const found = ((chart.beyond || [])[s] || []).find(([first, last]) => first <= index && index <= last);
  return found && found[2];
}
function showValues(panel, event, item) {
  const own = drawn.get(panel);
  const datum = item && item.datum && (item.datum.t === undefined ? item.datum.datum : item.datum);
  if (!own || !datum || datum.t === undefined) return hideValues();
  const head = document.createElement("h4");
  head.textContent = timeText(datum.t);
  values.replaceChildren(head, ...linesAt(own.chart, datum, own.hidden));
  values.style.display = "block";
  const box = values.getBoundingClientRect();
  const right = event.clientX + 16 + box.width > innerWidth;
  values.style.left = (right ? Math.max(event.clientX - 16 - box.width, 4) : event.clientX + 16) + "px";
  values.style.top = Math.max(Math.min(event.clientY + 12, innerHeight - box.height - 4), 4) + "px";
}
function hideValues() {
  values.style.display = "none";
}

// Zooming one chart zooms all: the range of time belongs to the page, as in Grafana.
let zoomed = null;
let waiting = 0;
function follow(source, range) {
  zoomed = range && range.map(Number);
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => {
    for (const { view } of drawn.values()) if (view !== source) zoomTo(view, zoomed);
  });
}
function zoomTo(view, range) {
  if (!("zoom_t" in view.getState().signals)) return;
  view.signal("zoom_t", range).runAsync();
}

// One panel.
async function draw(panel) {
  if (drawn.has(panel) || panel.dataset.drawing) return;
  panel.dataset.drawing = "yes";
  const chart = page.charts[panel.dataset.chart];
  const place = panel.querySelector(".chart");
  const hidden = new Set();
  const spec = structuredClone(chart.spec);
  if (chart.interactive.layer) spec.layer.push(...chart.interactive.layer);
  if (chart.interactive.params) (spec.layer ? spec.layer[0] : spec).params = chart.interactive.params;
  spec.datasets = { points: rowsOf(chart.data, hidden), times: timesOf(chart.data) };
  const result = await vegaEmbed(place, spec, {
    actions: false, renderer: "canvas", defaultStyle: false, config: page.themes[root.dataset.theme],
    tooltip: (_handler, event, item) => (item && event.type !== "pointerout" ? showValues(panel, event, item) : hideValues()),
  });
  const view = result.view;
  drawn.set(panel, { view, hidden, chart, result });
  if (chart.data.form !== "rows") {
    view.addEventListener("pointermove", (event, item) => showValues(panel, event, item));
    view.addEventListener("pointerout", hideValues);
    view.addEventListener("dblclick", () => follow(null, null));
    if (zoomed) zoomTo(view, zoomed);
    view.addSignalListener("zoom_t", (_name, range) => {
      if (String(range && range.map(Number)) !== String(zoomed)) follow(view, range);
    });
  }
  delete panel.dataset.drawing;
  panel.dataset.drawn = "yes";
}
function forget(panel) {
  const own = drawn.get(panel);
  if (!own) return;
  own.result.finalize();
  drawn.delete(panel);
  delete panel.dataset.drawn;
}

// A click on a legend shows that series alone, or all again; with Ctrl, Cmd or Shift it hides or shows just that one.
function toggle(panel, chosen, one) {
  const own = drawn.get(panel);
  if (!own) return;
  const all = own.chart.names.map((_, s) => s);
  const alone = !own.hidden.has(chosen) && own.hidden.size === all.length - 1;
  if (one) {
    if (!own.hidden.delete(chosen)) own.hidden.add(chosen);
  } else {
    own.hidden.clear();
    if (!alone) for (const s of all) if (s !== chosen) own.hidden.add(s);
  }
  if (own.hidden.size === all.length) own.hidden.clear();
  panel.querySelectorAll(".legend button").forEach((button) => {
    const s = Number(button.value);
    button.classList.toggle("hidden", own.hidden.has(s));
    button.setAttribute("aria-pressed", String(!own.hidden.has(s)));
  });
  own.view.data("points", rowsOf(own.chart.data, own.hidden)).runAsync();
}

const near = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
  { rootMargin: "400px" },
);
const panels = [...document.querySelectorAll("[data-chart]")];

function setTheme(theme) {
  root.dataset.theme = theme;
  panels.forEach((panel) => {
    forget(panel);
    panel.querySelectorAll(".legend .hidden").forEach((button) => button.classList.remove("hidden"));
    near.unobserve(panel);
    near.observe(panel);
  });
}
const system = matchMedia("(prefers-color-scheme: dark)");
let chosenByHand = false;
system.addEventListener("change", () => chosenByHand || setTheme(system.matches ? "dark" : "light"));
document.querySelector(".switch").addEventListener("click", () => {
  chosenByHand = true;
  setTheme(root.dataset.theme === "dark" ? "light" : "dark");
});
document.addEventListener("click", (event) => {
  const button = event.target.closest(".legend button");
  if (button) toggle(button.closest(".panel"), Number(button.value), event.ctrlKey || event.metaKey || event.shiftKey);
});
addEventListener("scroll", hideValues, { passive: true });
addEventListener("beforeprint", () => panels.forEach(draw));
setTheme(system.matches ? "dark" : "light");
