// Sketches over the epochs, the lexicon of classes, the roles of strokes and the map of sketches.
// page.js, which is loaded after this file, defines el, svg, picture, section, note and the number formats.

const CLASSES_AT_ONCE = 24;
const THUMBNAIL = { small: 26, large: 40 }; // pixels on the map, on a phone and elsewhere

// ---- sketches over the epochs ----

function sketchesSection(sketches) {
  const title = "Sketches over the epochs";
  if (sketches.missing) return section("sketches", title, note(sketches.missing));
  const [shown, last] = [sketches.epochs.length, sketches.epochs.length - 1];
  const label = (one) => `epoch ${one.epoch}${missing(one.rate) ? "" : `, communication rate in validation ${percent(one.rate)}`}`;
  const pictures = sketches.epochs[last].sketches.map((place) => picture(place, ""));
  const output = el("output", { for: "epoch" });
  const slider = el("input", { type: "range", id: "epoch", min: 0, max: last, value: last, step: 1, autocomplete: "off" });
  const select = () => {
    const one = sketches.epochs[slider.value];
    output.textContent = label(one);
    slider.setAttribute("aria-valuetext", label(one));
    pictures.forEach((image, number) => {
      image.src = content.pictures[one.sketches[number]];
      image.alt = sketches.whole ? `sketches in epoch ${one.epoch}` : `sketch of photo ${number + 1} in epoch ${one.epoch}`;
    });
  };
  slider.addEventListener("input", select);
  select();
  const pairs = pictures.map((image, number) =>
    el(
      "li",
      null,
      sketches.photos ? picture(sketches.photos[number], sketches.whole ? "photos" : `photo ${number + 1}`) : null,
      image,
    ),
  );
  const chosen = shown < sketches.all_epochs ? ` ${shown} of ${sketches.all_epochs} epochs are shown, evenly spaced; the last one is among them.` : "";
  const lacks = sketches.photos ? [] : [note("val_samples.png, which holds the photos, is missing or does not fit the sketches.")];
  if (sketches.whole) lacks.push(note("This run has no strokes of these sketches (val_strokes_NN.npz), so its grids of sketches are shown as they are."));
  if (sketches.unread.length) lacks.push(note(`Left out, because they cannot be read: ${sketches.unread.join(", ")}.`));
  return section(
    "sketches",
    title,
    el("p", null, `The sender's sketches of the same validation photos after each epoch.${chosen}`),
    lacks,
    el("div", { class: "epoch" }, el("label", { for: "epoch" }, "Epoch "), slider, output),
    el("ul", { class: sketches.whole ? "sketches whole" : "sketches" }, pairs),
  );
}

// ---- lists that are shown in parts ----

// Returns a list, a button that shows more of it, and a function that fills the list.
function paged(kind, atOnce, make) {
  const list = el("ul", { class: kind });
  const more = el("button", { class: "more", type: "button" });
  const show = (items, from) => {
    const upTo = Math.min(items.length, from + atOnce);
    list.append(...items.slice(from, upTo).map(make));
    more.hidden = upTo === items.length;
    more.textContent = `Show ${Math.min(atOnce, items.length - upTo)} more of ${items.length - upTo}`;
    more.onclick = () => {
      show(items, upTo);
      list.children[upTo].focus({ preventScroll: true }); // otherwise the keyboard would start from the top again
    };
  };
  const fill = (items) => {
    list.replaceChildren();
    show(items, 0);
  };
  return { list, more, fill };
}

// A choice of one of several options, given as [text, value]; the first one is chosen.
function choice(legend, name, options, chosen) {
  const option = ([text, value], place) =>
    el("label", null, el("input", { type: "radio", name, checked: place === 0, onchange: () => chosen(value) }), text);
  return el("fieldset", null, el("legend", { class: "hidden" }, legend), options.map(option));
}

// ---- lexicon ----

function lexiconSection(log, id, name) {
  const classes = log.classes.lexicon;
  const byName = (a, b) => a.name.localeCompare(b.name, "en", { numeric: true });
  const { list, more, fill } = paged("lexicon", CLASSES_AT_ONCE, entry);
  const sort = (compare) => fill([...classes].sort((a, b) => compare(a, b) || byName(a, b)));
  const orders = [["lowest rate", (a, b) => a.rate - b.rate], ["highest rate", (a, b) => b.rate - a.rate], ["name", byName]];
  sort(orders[0][1]);
  return section(
    `${id}-lexicon`,
    `Lexicon of classes${name}`,
    el("p", null, "Each class is shown with the pixelwise mean of its sketches and some of these sketches. The rate says how often the receiver is right if the target is of this class."),
    el("form", { class: "filters", autocomplete: "off", onsubmit: (event) => event.preventDefault() }, el("span", { "aria-hidden": "true" }, "Sorted by"), choice("Sorted by", `${id}-order`, orders, sort)),
    list,
    more,
    confusion(log.classes),
  );
}

function entry(one) {
  const confused = one.confused ? `most often taken for ${one.confused.name} (${games(one.confused.games)})` : "never taken for another class";
  return el(
    "li",
    { tabindex: -1, "data-class": one.name },
    el("header", null, el("b", null, one.name), el("span", null, percent(one.rate))),
    el(
      "div",
      { class: "row" },
      el("figure", null, picture(one.mean, `mean sketch of ${one.name}`), el("figcaption", null, "mean")),
      one.examples.map((place) => picture(place, `sketch of ${one.name}`)),
    ),
    range(one),
    el("p", { class: "faint" }, `${count(one.right)} of ${games(one.games)}, 95 % interval ${interval(one.low, one.high)}; ${confused}`),
  );
}

// ---- charts that are drawn again when their width changes ----

// draw(width) -> an SVG element.
function drawnFigure(title, draw) {
  const plot = el("div", { class: "plot" });
  let width = 0;
  new ResizeObserver(() => {
    if (!plot.clientWidth || plot.clientWidth === width) return;
    width = plot.clientWidth;
    plot.replaceChildren(draw(width));
  }).observe(plot);
  return el(
    "figure",
    { class: "chart", "data-chart": title, "aria-label": title },
    plot,
    saveButtons(title, () => plot.firstElementChild),
  );
}

// ---- roles of strokes ----

function rolesSection(roles, id, name) {
  const title = `Roles of strokes${name}`;
  const [drawings, all] = roles.drawings;
  const sentences = [
    `Each panel shows one stroke in ${drawings < all ? `${count(drawings)} of ${count(all)} drawings, chosen at random` : `all ${count(all)} drawings`}, each of a different photo. Strokes are counted from 0, as in measure.`,
  ];
  if (roles.never_drawn) sentences.push(`${roles.never_drawn} of ${count(roles.all_strokes)} strokes are in none of these drawings and are left out.`);
  if (sometimesDrawn(roles)) sentences.push("A drawing may lack strokes: each panel says in how many of these drawings its stroke is drawn.");
  const used = roles.all_strokes - roles.never_drawn;
  if (roles.strokes.length < used) sentences.push(`The first ${roles.strokes.length} of ${count(used)} strokes are shown.`);
  if (roles.lost) sentences.push("The number says by how many percentage points the communication rate changes if the stroke is erased from every sketch. The colour shows the same, from grey (no loss) to the strongest colour (the largest loss).");
  const how = roles.lost ? null : [el("p", { class: "faint" }, "All panels have the same colour, because it is not known how much each stroke matters. To measure this, run the following command, then make the report again:"), el("pre", { class: "command" }, content.measure)];
  return section(`${id}-roles`, title, el("p", null, sentences.join(" ")), how, drawnFigure(title, (width) => panels(roles, width)));
}

// Whether some drawings lack some of the strokes.
function sometimesDrawn(roles) {
  return roles.strokes.some((flat) => flat.length < 2 * roles.points * roles.drawings[0]);
}

function panels(roles, width) {
  const some = sometimesDrawn(roles);
  const columns = Math.max(2, Math.min(roles.strokes.length, Math.floor(width / 125)));
  const [gap, head] = [8, some ? 36 : 20];
  const side = (width - (columns - 1) * gap) / columns;
  const most = roles.lost ? Math.max(...roles.lost) : 0;
  const fade = Math.max(0.06, Math.min(0.6, 25 / roles.drawings[0]));
  const panel = (flat, stroke) => {
    const lost = roles.lost ? roles.lost[stroke] : null;
    const share = lost === null ? 1 : most > 0 ? Math.max(0, lost / most) : 0;
    const paint = `color-mix(in srgb, var(--train) ${(100 * share).toFixed(1)}%, var(--chance))`;
    const [left, top] = [(stroke % columns) * (side + gap), Math.floor(stroke / columns) * (side + head + gap) + head];
    const change = lost === null ? "" : `${lost < 0 ? "+" : "\u2212"}${Math.abs(100 * lost).toFixed(1)}\u00a0%`;
    return [
      svg("text", { x: left, y: top - head + 14 }, `stroke ${roles.numbers[stroke]}`),
      svg("text", { x: left + side, y: top - head + 14, "text-anchor": "end" }, change),
      some ? svg("text", { x: left, y: top - 6 }, `in ${flat.length / (2 * roles.points)} drawings`) : "",
      svg(
        "svg",
        { x: left, y: top, width: side, height: side, viewBox: "0 0 1000 1000" },
        svg("g", { fill: "none", "stroke-width": 1000 / side, "stroke-linecap": "round", style: { stroke: paint } }, overlay(flat, roles.points).map((d) => svg("path", { d, "stroke-opacity": fade }))),
      ),
      svg("rect", { x: left, y: top, width: side, height: side, class: "frame" }),
    ];
  };
  const rows = Math.ceil(roles.strokes.length / columns);
  const told = most > 0 ? ` The rate drops most without stroke ${roles.numbers[roles.lost.indexOf(most)]}.` : "";
  return svg("svg", { height: rows * (side + head + gap), role: "img", "aria-label": `${roles.strokes.length} panels, one per stroke.${told}` }, roles.strokes.map(panel));
}

// The paths of a stroke in all drawings. points: control points of a stroke.
function overlay(flat, points) {
  const paths = [];
  for (let at = 0; at < flat.length; at += 2 * points) {
    const numbers = flat.slice(at, at + 2 * points);
    const rest = points === 1 ? "h0" : `${points === 4 ? "C" : "L"}${numbers.slice(2).join(" ")}`;
    paths.push(`M${numbers[0]} ${numbers[1]}${rest}`);
  }
  return paths;
}

// ---- map ----

function mapSection(map, id, name) {
  const title = `Map of sketches${name}`;
  const text = `Sketches that look alike are close to each other (t-SNE of their pixels; distances between sketches that are far apart, and directions, have no meaning). The map has ${map.sketches.length} sketches of different photos; a dot is a sketch for which there is no room.${map.labels.length ? " The name of a class is in the middle of its sketches." : ""} Point at a sketch to see its class.`;
  return section(`${id}-map`, title, el("p", null, text), drawnFigure(title, (width) => places(map, width)));
}

function places(map, width) {
  const side = width < 600 ? THUMBNAIL.small : THUMBNAIL.large;
  const height = Math.max(0.6 * width, Math.min(width, 420));
  const [wide, high] = [width - side, height - side];
  const [shown, dots, images] = [[], [], []];
  for (const one of map.sketches) {
    const [x, y] = [one.x * wide, one.y * high];
    const label = svg("title", null, `${one.class === null ? "sketch" : one.class}: ${one.right ? "right" : "wrong"} guess`);
    if (shown.some((other) => Math.max(Math.abs(other[0] - x), Math.abs(other[1] - y)) < side + 1)) {
      dots.push(svg("circle", { cx: x + side / 2, cy: y + side / 2, r: 2.5, class: "dot" }, label));
    } else {
      shown.push([x, y]);
      images.push(svg("image", { x, y, width: side, height: side, href: content.pictures[one.picture] }, label));
      images.push(svg("rect", { x, y, width: side, height: side, class: "frame" }));
    }
  }
  const names = map.labels.map((one) => svg("text", { x: one.x * wide + side / 2, y: one.y * high + side / 2 + 6, "text-anchor": "middle", class: "name" }, one.name));
  return svg("svg", { height, role: "img", "aria-label": `Map of ${map.sketches.length} sketches` }, dots, images, names);
}
