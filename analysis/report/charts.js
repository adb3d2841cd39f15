"use strict";
// Line charts over the epochs. They fill the available width and are read with the pointer or the arrow keys.
// page.js, which is loaded after this file, defines el, svg, percent and plain.

function colours(series) {
  series.forEach((one, place) => (one.paint = one.role === "extra" ? `var(--extra-${place % 6})` : `var(--${one.role})`));
}

function figure(chart, epochs) {
  colours(chart.series);
  const show = (value) => (value === null ? "–" : chart.percent ? percent(value) : plain(value));
  const says = (place) => chart.series.map((one) => `${one.name} ${show(one.values[place])}`).join(", ");
  const tip = el("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  const plot = el("div", {
    class: "plot",
    tabindex: 0,
    role: "slider",
    "aria-label": `${chart.title}: epoch`,
    "aria-valuemin": epochs[0],
    "aria-valuemax": epochs.at(-1),
  });
  let drawn = null;

  const select = (place, shown = true) => {
    plot.place = place;
    plot.setAttribute("aria-valuenow", epochs[place]);
    plot.setAttribute("aria-valuetext", `epoch ${epochs[place]}: ${says(place)}`);
    drawn.cursor.style.display = shown ? "" : "none";
    tip.hidden = !shown;
    if (!shown) return;
    const x = drawn.x(epochs[place]);
    drawn.cursor.setAttribute("transform", `translate(${x} 0)`);
    tip.replaceChildren(
      `epoch ${epochs[place]}`,
      ...chart.series.map((one) => el("div", null, sample(one.paint), one.name, " ", el("b", null, show(one.values[place])))),
    );
    const left = x < plot.clientWidth / 2;
    tip.style.left = left ? `${x + 10}px` : "";
    tip.style.right = left ? "" : `${plot.clientWidth - x + 10}px`;
  };
  const hide = () => select(plot.place, false);
  const nearest = (event) => {
    const x = event.clientX - plot.getBoundingClientRect().left;
    const distances = epochs.map((epoch) => Math.abs(drawn.x(epoch) - x));
    select(distances.indexOf(Math.min(...distances)));
  };
  build(plot, {
    onpointermove: nearest,
    onpointerdown: nearest,
    onpointerleave: () => document.activeElement !== plot && hide(),
    onfocus: () => select(plot.place),
    onblur: hide,
    onkeydown: (event) => {
      const last = epochs.length - 1;
      const to = { ArrowLeft: plot.place - 1, ArrowRight: plot.place + 1, ArrowDown: plot.place - 1, ArrowUp: plot.place + 1, Home: 0, End: last };
      if (event.key === "Escape") hide();
      if (!(event.key in to)) return;
      event.preventDefault();
      select(Math.max(0, Math.min(last, to[event.key])));
    },
  }, []);
  const draw = () => {
    if (!plot.clientWidth) return;
    drawn = lines(chart, epochs, plot.clientWidth, chart.big ? 250 : 150);
    plot.replaceChildren(drawn.picture, tip);
    select(plot.place ?? epochs.length - 1, document.activeElement === plot);
  };
  new ResizeObserver(draw).observe(plot);
  const keys = chart.series.length > 1 || chart.chance ? chart.series.map((one) => el("span", { class: "key" }, sample(one.paint), one.name)) : [];
  if (chart.chance) keys.push(el("span", { class: "key" }, sample(null), `chance ${percent(chart.chance)}`));
  const legend = el("span", { class: "keys" }, keys);
  return el(
    "figure",
    { class: "chart", "data-chart": chart.title },
    el(
      "figcaption",
      null,
      el("b", null, chart.title, chart.log ? el("span", null, " (logarithmic axis)") : null),
      keys.length ? legend : null,
    ),
    plot,
    saveButtons(chart.title, () => plot.querySelector("svg"), legend),
  );
}

const sample = (paint) =>
  svg("svg", { class: "sample", viewBox: "0 0 20 8", "aria-hidden": "true" }, svg("path", { d: "M0 4H20", class: paint ? "line" : "dashed", style: paint ? { stroke: paint } : {} }));

function lines(chart, epochs, width, height) {
  const [left, right, top, bottom] = [50, width - 10, 8, height - 24];
  const [first, last] = [epochs[0], epochs.at(-1)];
  const x = (epoch) => (first === last ? (left + right) / 2 : left + ((epoch - first) / (last - first)) * (right - left));
  const axis = chart.percent ? { low: 0, high: 1, ticks: [0, 0.25, 0.5, 0.75, 1] } : valueAxis(chart, chart.big ? 5 : 3);
  const scale = chart.log ? Math.log : (value) => value;
  const y = (value) => bottom - ((scale(value) - scale(axis.low)) / (scale(axis.high) - scale(axis.low))) * (bottom - top);
  const name = (value) => (chart.percent ? percent(value, 0) : plain(value));
  const epochTicks = ticks(first, last, Math.max(1, roundStep(first, last, Math.max(2, Math.floor(width / 90)))));
  const cursor = svg("g", { style: { display: "none" } }, svg("path", { class: "cursor", d: `M0 ${top}V${bottom}` }));
  const picture = svg(
    "svg",
    { height, "aria-hidden": "true" },
    axis.ticks.map((value) => [
      svg("path", { class: "grid", d: `M${left} ${y(value)}H${right}` }),
      svg("text", { x: left - 7, y: y(value) + 4, "text-anchor": "end" }, name(value)),
    ]),
    epochTicks.map((epoch, place) =>
      svg("text", { x: x(epoch), y: height - 6, "text-anchor": "middle" }, place === 0 ? `epoch ${epoch}` : epoch),
    ),
    chart.chance ? svg("path", { class: "dashed", d: `M${left} ${y(chart.chance)}H${right}` }) : null,
    cursor,
    chart.series.map((one) => [
      svg("path", { class: "line", style: { stroke: one.paint }, d: stroke(one.values, epochs, x, y) }),
      one.values.map((value, place) =>
        value === null || (epochs.length > 20 && !isolated(one.values, place))
          ? null
          : svg("circle", { cx: x(epochs[place]), cy: y(value), r: 3, style: { fill: one.paint } }),
      ),
    ]),
  );
  return { picture, cursor, x };
}

const missing = (value) => value === null || value === undefined;
const isolated = (values, place) => missing(values[place - 1]) && missing(values[place + 1]);

function stroke(values, epochs, x, y) {
  // A gap in the values is a gap in the line.
  return values
    .map((value, place) => (value === null ? "" : `${missing(values[place - 1]) ? "M" : "L"}${x(epochs[place]).toFixed(2)} ${y(value).toFixed(2)}`))
    .join("");
}

function valueAxis(chart, most) {
  const values = chart.series.flatMap((one) => one.values).filter((value) => value !== null);
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (!values.length) [low, high] = [0, 1];
  if (chart.log) return { low: low / 1.15, high: high * 1.15, ticks: logTicks(low, high) };
  if (low >= 0 && low < high / 2) low = 0;
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  const step = roundStep(low, high, most);
  const places = ticks(Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step, step);
  return { low: places[0], high: places.at(-1), ticks: places };
}

function roundStep(low, high, most) {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
}

function ticks(low, high, step) {
  const values = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place++) values.push(Number((place * step).toPrecision(12)));
  return values;
}

function logTicks(low, high) {
  const every = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const factor of [1, 2, 5]) every.push(Number(`${factor}e${power}`));
  const inside = every.filter((value) => value >= low / 1.15 && value <= high * 1.15);
  return inside.length <= 6 ? inside : inside.filter((value) => /^1(e|0*$)|^0\.0*1$/.test(String(value)));
}
