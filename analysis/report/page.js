// Builds the page from its content (JSON, see report.py). Names of classes, folders and so on become text nodes and
// attributes, never HTML.

const content = JSON.parse(document.getElementById("content").textContent);
const SMALL_PICTURE = 48; // pixels; pictures up to this size are enlarged without smoothing

// ---- elements ----

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}
const el = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

function picture(place, alt) {
  const small = () => image.naturalWidth <= SMALL_PICTURE && !image.src.startsWith("data:image/svg");
  const image = el("img", { alt, onload: () => image.classList.toggle("small", small()) });
  image.src = content.pictures[place];
  return image;
}
const scroll = (label, child, kind = "") =>
  el("div", { class: `scroll ${kind}`, tabindex: 0, role: "region", "aria-label": label }, child);
const note = (text) => el("p", { class: "note" }, text);

function section(id, title, ...children) {
  return el("section", { id, "aria-labelledby": `${id}-title`, "data-title": title }, el("h2", { id: `${id}-title` }, title), ...children);
}

// ---- numbers ----

const percent = (rate, digits = 1) => `${(100 * rate).toFixed(digits)}\u00a0%`;
const interval = (low, high) => `${(100 * low).toFixed(1)} to ${percent(high)}`;
const count = (number) => number.toLocaleString("en");
const games = (number) => (number === 1 ? "1 game" : `${count(number)} games`);

function plain(value) {
  if (value === null) return "–";
  if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7)) return value.toExponential(3).replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(5)));
}

function range(one) {
  // A rate between 0 and 1, its interval as a band, and chance as a dashed line.
  const at = (value) => `${100 * value}%`;
  return el(
    "div",
    { class: "range", "aria-hidden": "true" },
    one.low === null ? null : el("i", { style: { left: at(one.low), width: at(one.high - one.low) } }),
    el("b", { style: { left: at(one.rate) } }),
    one.chance ? el("u", { style: { left: at(one.chance) } }) : null,
  );
}

// ---- head ----

function head() {
  return el(
    "header",
    null,
    el("h1", null, content.title),
    el("p", { class: "kind" }, el("b", null, content.kind), content.status ? ` · ${content.status} · ` : " · ", el("code", null, content.folder)),
    content.results.length
      ? [el("h2", { class: "label" }, "Communication rate: how often the receiver is right"), el("div", { class: "results" }, content.results.map(result))]
      : null,
    content.facts.length
      ? el("dl", { class: "facts" }, content.facts.map(([name, text]) => el("div", null, el("dt", null, name), el("dd", null, text))))
      : null,
  );
}

function result(one) {
  const played = one.games === null ? null : games(one.games) + (one.candidates === null ? "" : ` of ${one.candidates} candidates`);
  const compared = [played, one.chance === null ? null : `chance ${percent(one.chance)}`].filter(Boolean);
  return el(
    "div",
    { class: "result" },
    el("p", { class: "label" }, one.label),
    el("p", { class: "rate" }, percent(one.rate)),
    range(one),
    one.low === null ? null : el("p", null, `95 % interval ${interval(one.low, one.high)}`),
    compared.length ? el("p", { class: "faint" }, compared.join("; ")) : null,
  );
}

function navigation(sections) {
  return el(
    "nav",
    { "aria-label": "Sections" },
    el("ul", null, sections.map((one) => el("li", null, el("a", { href: `#${one.id}` }, one.dataset.title)))),
  );
}

// ---- curves ----

function curvesSection(curves) {
  if (curves.missing) return section("curves", "Learning curves", note(curves.missing));
  const [big, few] = [true, false].map((size) => curves.charts.filter((chart) => chart.big === size));
  const constants = curves.constants.map((one) => `${one.name} ${plain(one.value)}`);
  return section(
    "curves",
    "Learning curves",
    el("div", { class: "charts" }, big.map((chart) => figure(chart, curves.epochs))),
    few.length ? el("div", { class: "charts few" }, few.map((chart) => figure(chart, curves.epochs))) : null,
    constants.length ? el("p", { class: "faint", style: { "margin-top": ".75rem" } }, `Constant over all epochs: ${constants.join(", ")}.`) : null,
    el("details", null, el("summary", null, "log.csv as a table (it counts epochs from 0)"), scroll("log.csv, one row per epoch", logTable(curves), "tall")),
  );
}

function logTable(curves) {
  return el(
    "table",
    null,
    el("thead", null, el("tr", null, curves.columns.map((name) => el("th", { scope: "col", class: "number" }, name)))),
    el("tbody", null, curves.rows.map((row) => el("tr", null, row.map((value) => el("td", { class: "number" }, plain(value)))))),
  );
}

// ---- options, versions, command ----

function settingsSection() {
  const given = content.options.filter((one) => one.source !== "default");
  const defaults = content.options.filter((one) => one.source === "default");
  const versions = Object.entries(content.versions);
  const parts = [];
  if (content.command) parts.push(el("h3", null, "Command"), el("pre", { class: "command" }, content.command));
  if (given.length) parts.push(el("h3", null, "Options that were set"), scroll("Options", optionTable(given)));
  if (defaults.length) parts.push(el("details", null, el("summary", null, `${defaults.length} options left at their defaults`), scroll("Defaults", optionTable(defaults))));
  if (!content.options.length) parts.push(note("There is no config.json in this folder (the official code writes none), so options and versions are unknown."));
  if (versions.length) parts.push(el("h3", null, "Versions"), el("dl", { class: "facts" }, versions.map(([name, text]) => el("div", null, el("dt", null, name), el("dd", null, text)))));
  if (content.model) parts.push(el("details", { style: { "margin-top": "1.25rem" } }, el("summary", null, "The agents, as text"), el("pre", { tabindex: 0 }, content.model)));
  return section("settings", "Options, versions, command", parts);
}

function optionTable(options) {
  return el(
    "table",
    { class: "options wide" },
    el("thead", null, el("tr", null, ["option", "value", "source"].map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", null, options.map((one) => el("tr", null, el("th", { scope: "row" }, one.name), el("td", null, one.value), el("td", { class: "faint" }, one.source)))),
  );
}

// ---- the page ----

const sections = [
  content.curves && curvesSection(content.curves),
  content.sketches && sketchesSection(content.sketches),
  ...content.logs.flatMap(logSections),
  content.no_logs && section("games", "Games", note(content.no_logs.why), content.no_logs.command && el("pre", { class: "command" }, content.no_logs.command)),
  settingsSection(),
].filter(Boolean);
document.getElementById("report").replaceChildren(
  head(),
  navigation(sections),
  ...sections,
  el("footer", { class: "faint", style: { "margin-top": "3rem" } }, `Written by commgame.py report on ${content.made}.`),
);
