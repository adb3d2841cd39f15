// The sender's page: the person sees a picture and draws it. Paths are lists of [row, col, ms] on a canvas from -1 to
// 1, which spans the centres of the sketch's pixels; the time counts from the appearance of the picture.
const MOST_POINTS = 10000; // per path; analysis/study/drawings.py refuses more
const TOLERANCE = 0.06, SPACING = 0.15; // as in analysis/play/fit.py
const KINDS = { 1: ["point", "points"], 2: ["straight line", "straight lines"], 4: ["curve", "curves"] };

const role = {
  format: "learning-to-draw study drawings 1",
  things: "drawings",
  nouns: ["drawing", "drawings"],
  counter: "Drawing",
  sticky: false,
  about: (pictures) => "You will see a picture, and draw it with a few strokes. A computer program then looks at " +
    "your drawing, but not at the picture, and chooses one of " + pictures + ". " + study.task,
  advice: "There is no time limit. You can draw with a mouse, a pen or a finger. A drawing cannot be changed after " +
    "you have chosen Done.",
  practice: "",
  noPractice: "You will not see what the program chooses.",
  fromHere: "You will not see what the program chooses.",

  start() {
    document.body.classList.add("sender");
    const canvas = find("canvas");
    canvas.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button > 0) return;
      event.preventDefault();
      if (used() >= turn.step.game.pen.most) return;
      canvas.setPointerCapture(event.pointerId);
      turn.drawing = { path: [at(event)], straight: turn.straight };
      redraw();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!turn?.drawing || !event.isPrimary) return;
      const { path, straight } = turn.drawing;
      if (straight) path.splice(1, 1, at(event));
      else path.push(...(event.getCoalescedEvents?.() ?? [event]).map(at).slice(0, MOST_POINTS - path.length));
      redraw();
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => {
      if (!turn?.drawing || !event.isPrimary) return;
      turn.drawn.push({ ...turn.drawing, strokes: strokesOf(turn.drawing) });
      turn.drawing = null;
      redraw();
    });
    find("#undo").addEventListener("click", () => undo(1));
    find("#clear").addEventListener("click", () => undo(turn.drawn.length));
    find("#done").addEventListener("click", done);
    find("#mode").addEventListener("click", () => {
      freehand = !freehand;
      setMode();
    });
  },

  show(game) {
    Object.assign(turn, { drawn: [], drawing: null });
    place(find("#photo"), game.photo);
    find("#question").textContent = game.other
      ? "Draw this picture. The program has to choose the marked picture, which is a different one."
      : "Draw this picture, so that the program can tell it from the others.";
    find("#board").classList.toggle("dark", game.pen.dark);
    setMode();
    find("#candidates").replaceChildren(...game.order.map((candidate, position) => {
      const tile = document.createElement("div");
      const meant = candidate === game.target;
      const alt = "Picture " + (position + 1) + (meant ? ", the one to choose" : "");
      tile.append(place(Object.assign(new Image(), { alt, decoding: "sync" }), game.candidates[candidate]));
      if (meant) tile.append(badge("mark", game.other ? "to choose" : "this one"));
      tile.className = meant ? "meant" : "";
      return tile;
    }));
  },

  layout(narrow) {
    const room = narrow ? 96 : 128;
    resize(find("#photo"), sizes(longer(find("#photo")), room)[0] ?? room);
    redraw();
  },

  key(event) {
    const key = event.key.toLowerCase();
    if (key === "z") undo(1);
    else if (key === "x") undo(turn.drawn.length);
    else if (key === "f") find("#mode").click();
    else if (key === "enter" && document.activeElement?.tagName !== "BUTTON") done();
  },
};

let freehand = false; // kept from one round to the next

function setMode() {
  const points = turn.step.game.pen.points === 1;
  turn.straight = !freehand && !points;
  find("#mode").textContent = points ? "Points" : freehand ? "Freehand" : "Straight lines";
  find("#mode").disabled = points;
}

// The place of the hand, rounded as it is saved: the strokes on the page are fitted to the rounded values.
function at(event) {
  const box = find("canvas").getBoundingClientRect(), { size } = turn.step.game.pen;
  const on = (offset, length) => (((offset / length) * size - 0.5) / (size - 1)) * 2 - 1;
  const rounded = (value) => Math.round(1e4 * Math.max(-1.2, Math.min(1.2, value))) / 1e4;
  const ms = Math.max(0, Math.round(event.timeStamp - turn.shown));
  return [rounded(on(event.clientY - box.top, box.height)), rounded(on(event.clientX - box.left, box.width)), ms];
}

const used = () => turn.drawn.reduce((count, { strokes }) => count + strokes.length, 0);

function strokesOf({ path }) {
  const { most, points } = turn.step.game.pen;
  return fitted(path.map(([row, col]) => [row, col]), points, most - used());
}

// Shows the strokes as the program will see them and, over them, the path of the hand.
function redraw() {
  if (!turn?.drawn) return;
  const canvas = find("canvas"), pen = canvas.getContext("2d"), dots = window.devicePixelRatio || 1;
  const { size, width, dark, most, points } = turn.step.game.pen;
  canvas.width = canvas.clientWidth * dots;
  canvas.height = canvas.clientHeight * dots;
  const on = (value) => ((((value + 1) / 2) * (size - 1) + 0.5) / size) * canvas.width;
  const draw = (colour, thickness, trace) => {
    Object.assign(pen, { strokeStyle: colour, lineWidth: thickness, lineCap: "round", lineJoin: "round" });
    pen.beginPath();
    trace();
    pen.stroke();
  };
  const fresh = turn.drawing ? strokesOf(turn.drawing) : [];
  for (const stroke of [...turn.drawn.flatMap(({ strokes }) => strokes), ...fresh]) {
    const [first, ...rest] = stroke.map(([row, col]) => [on(col), on(row)]);
    draw(dark ? "#fff" : "#000", ((width / 2) * (size - 1) / size) * canvas.width, () => {
      pen.moveTo(...first);
      if (rest.length === 3) pen.bezierCurveTo(...rest.flat());
      else pen.lineTo(...(rest[0] ?? first));
    });
  }
  if (turn.drawing && !turn.drawing.straight) {
    draw(getComputedStyle(document.body).getPropertyValue("--accent"), 2 * dots, () => {
      for (const [row, col] of turn.drawing.path) pen.lineTo(on(col), on(row));
    });
  }
  const count = used() + fresh.length;
  find("#hint").textContent = count ? "" : "Draw here, with at most " + amount(most, KINDS[points]) + ".";
  find("#used").textContent = count < most ? count + " of " + amount(most, KINDS[points]) + " used"
    : "All " + most + " are used. Choose Done, or undo some.";
  for (const id of ["#undo", "#clear", "#done"]) find(id).disabled = turn.drawn.length === 0;
}

function undo(count) {
  if (turn.drawing || !count) return;
  turn.drawn.splice(-count);
  redraw();
}

function done() {
  if (turn.drawing || !turn.drawn.length) return;
  record({ paths: turn.drawn.map(({ path }) => path), straight: turn.drawn.map(({ straight }) => straight) });
  go();
}

// The strokes that follow a path of [row, col]: the same as `fitted` in analysis/play/fit.py, which explains how.
function fitted(path, controls, most) {
  path = path.filter((point, index) => !index || distance(point, path[index - 1]) > 0);
  if (controls === 1) return spaced(path, most).map((point) => [point]);
  if (path.length === 1) return [Array(controls).fill(path[0])];
  const shape = controls === 2 ? (piece) => [piece[0], piece.at(-1)] : curve;
  const gap = controls === 2 ? lineGap : curveGap;
  const fit = (piece) => {
    const stroke = shape(piece);
    let worst = { largest: 0, place: 0 };
    for (let index = 1; index < piece.length - 1; index++) {
      const largest = gap(piece, stroke, index);
      if (index === 1 || largest > worst.largest) worst = { largest, place: index };
    }
    return { piece, stroke, ...worst };
  };
  const fits = [fit(path)];
  while (fits.length < most) {
    const worst = fits.reduce((best, { largest }, index) => (largest > fits[best].largest ? index : best), 0);
    const { piece, largest, place } = fits[worst];
    if (largest <= TOLERANCE) break;
    fits.splice(worst, 1, fit(piece.slice(0, place + 1)), fit(piece.slice(place)));
  }
  return fits.map(({ stroke }) => stroke);
}

const distance = ([row, col], [otherRow, otherCol]) => Math.hypot(row - otherRow, col - otherCol);
const between = (start, end, t) => start.map((value, axis) => value + t * (end[axis] - value));

function lengths(path) {
  const along = [0];
  for (let end = 1; end < path.length; end++) along.push(along[end - 1] + distance(path[end - 1], path[end]));
  return along;
}

function spaced(path, most) {
  const along = lengths(path), count = Math.min(most, 1 + Math.floor(along.at(-1) / SPACING));
  return Array.from({ length: count }, (_, number) => {
    const length = count > 1 ? (along.at(-1) * number) / (count - 1) : 0;
    const end = along.findIndex((reached) => reached >= length);
    if (end < 1) return path.at(end);
    return between(path[end - 1], path[end], (length - along[end - 1]) / (along[end] - along[end - 1]));
  });
}

function lineGap(piece, [start, end], index) {
  const squared = distance(start, end) ** 2, point = piece[index];
  const along = point.reduce((sum, value, axis) => sum + (value - start[axis]) * (end[axis] - start[axis]), 0);
  return distance(point, between(start, end, squared ? Math.max(0, Math.min(1, along / squared)) : 0));
}

const bernstein = (t) => [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t ** 2 * (1 - t), t ** 3];

function curve(piece) {
  const start = piece[0], end = piece.at(-1), along = lengths(piece);
  const weights = along.map((length) => bernstein(length / along.at(-1)));
  const stroke = [start, between(start, end, 1 / 3), between(start, end, 2 / 3), end];
  stroke.weights = weights;
  if (piece.length < 4) return stroke;
  let [a, b, c] = [0, 0, 0];
  const p = [0, 0], q = [0, 0];
  piece.forEach((point, index) => {
    const [first, second, third, fourth] = weights[index];
    a += second * second;
    b += second * third;
    c += third * third;
    for (const axis of [0, 1]) {
      const rest = point[axis] - first * start[axis] - fourth * end[axis];
      p[axis] += second * rest;
      q[axis] += third * rest;
    }
  });
  const determinant = a * c - b * b;
  stroke[1] = [0, 1].map((axis) => (c * p[axis] - b * q[axis]) / determinant);
  stroke[2] = [0, 1].map((axis) => (a * q[axis] - b * p[axis]) / determinant);
  return stroke;
}

function curveGap(piece, stroke, index) {
  const weights = stroke.weights[index];
  const reached = [0, 1].map((axis) => stroke.reduce((sum, point, k) => sum + weights[k] * point[axis], 0));
  return distance(piece[index], reached);
}
