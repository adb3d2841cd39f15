// Buttons that save a chart as SVG or PNG, without a network. The file looks like the chart on the page, in light or
// dark colours. page.js, which is loaded after this file, defines el and svg.

const INHERITED = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "stroke-opacity", "font-size", "font-weight", "text-anchor", "paint-order"];
const OWN = { opacity: "1", display: "inline" }; // not inherited, with the usual value
const PNG_SCALE = 3;

// chart: () => the SVG element on the page; legend: the element that explains it, with class "keys", if any.
function saveButtons(title, chart, legend) {
  const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  const save = { SVG: () => offer(`${name}.svg`, new Blob([standalone(chart(), title, legend).text], { type: "image/svg+xml" })) };
  save.PNG = async () => offer(`${name}.png`, await asPng(standalone(chart(), title, legend)));
  const button = (kind) => el("button", { type: "button", "aria-label": `Save ${title} as ${kind}`, title: `Save as ${kind}`, onclick: save[kind] }, kind);
  return el("div", { class: "save" }, button("SVG"), button("PNG"));
}

function offer(name, blob) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

// Returns the chart as the text of an SVG file without style sheets, with its title and legend, and its size.
function standalone(chart, title, legend) {
  const { width, height } = chart.getBoundingClientRect();
  const copy = chart.cloneNode(true);
  const originals = chart.querySelectorAll("*");
  setLook(copy, chart, null);
  copy.querySelectorAll("*").forEach((node, place) => setLook(node, originals[place], originals[place].parentNode));
  const text = (x, y, words, more) => svg("text", { x, y, fill: hex(getComputedStyle(chart.closest("figure")).color), ...more }, words);
  const head = [text(8, 18, title, { "font-weight": "bold", "font-size": "14" })];
  let [x, y] = [8, 36];
  for (const key of legend ? legend.querySelectorAll(".key") : []) {
    const [line, length] = [getComputedStyle(key.querySelector("path")), 30 + 7 * key.textContent.length];
    if (x > 8 && x + length > width) [x, y] = [8, y + 18];
    const dashes = line.strokeDasharray === "none" ? null : line.strokeDasharray;
    head.push(svg("path", { d: `M${x} ${y - 4}h20`, stroke: hex(line.stroke), "stroke-width": 2, "stroke-dasharray": dashes }));
    head.push(text(x + 26, y, key.textContent, { "font-size": "12" }));
    x += length + 10;
  }
  const top = head.length > 1 ? y + 12 : 28;
  copy.setAttribute("y", top);
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const paper = hex(getComputedStyle(chart.closest("figure")).backgroundColor);
  const whole = svg(
    "svg",
    { width, height: height + top, viewBox: `0 0 ${width} ${height + top}`, "font-family": "sans-serif" },
    svg("rect", { width: "100%", height: "100%", fill: paper }),
    head,
    copy,
  );
  return { text: new XMLSerializer().serializeToString(whole), width, height: height + top };
}

function setLook(node, original, parent) {
  const [look, above] = [getComputedStyle(original), parent && getComputedStyle(parent)];
  for (const name of ["class", "style", "aria-hidden", "tabindex", "role"]) node.removeAttribute(name);
  for (const name of INHERITED) {
    const value = look.getPropertyValue(name);
    if (above && above.getPropertyValue(name) === value) continue;
    node.setAttribute(name, ["fill", "stroke"].includes(name) ? hex(value) : value);
  }
  for (const [name, usual] of Object.entries(OWN)) if (look[name] !== usual && look[name] !== "block") node.setAttribute(name, look[name]);
}

// Returns a colour as #rrggbb: other programs do not know all colours of CSS.
const known = new Map();
function hex(colour) {
  if (colour === "none") return colour;
  if (!known.has(colour)) {
    const pen = el("canvas", { width: 1, height: 1 }).getContext("2d");
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const levels = [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
    known.set(colour, `#${levels.map((level) => level.toString(16).padStart(2, "0")).join("")}`);
  }
  return known.get(colour);
}

async function asPng({ text, width, height }) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = el("canvas", { width: Math.round(PNG_SCALE * width), height: Math.round(PNG_SCALE * height) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}
