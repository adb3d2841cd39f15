// The games of a log with their filters, and the confusions between classes. views.js has the other views of a log.
// page.js, which is loaded after this file, defines el, picture, scroll, section and the number formats.

const GAMES_AT_ONCE = 24;
const NO_CLASSES =
  "This log does not say which class a picture belongs to (logs of the official code never do), so the lexicon of classes and confusions between classes are not available.";
const NO_STROKES = "This log has no strokes (logs of the official code never have any), or none of them is drawn, so the roles of strokes are not available.";
const NO_MAP = "This log has too few different sketches for a map.";

// ---- games ----

function logSections(log, number) {
  const alone = content.logs.length === 1;
  const [id, name] = alone ? ["games", ""] : [`games-${number + 1}`, ` of ${log.name}`];
  const lacks = [log.classes ? null : NO_CLASSES, log.roles ? null : NO_STROKES, log.map ? null : NO_MAP].filter(Boolean);
  return [
    section(id, `Games${name}`, summary(log), gallery(log, id), lacks.map(note)),
    log.classes && lexiconSection(log, id, name),
    log.roles && rolesSection(log.roles, id, name),
    log.map && mapSection(log.map, id, name),
  ];
}

function summary(log) {
  const result = log.result;
  const sentences = [
    `${count(result.right)} of ${games(result.games)} were won: ${percent(result.rate)} (95 % interval ${interval(result.low, result.high)}; chance ${percent(result.chance)}).`,
  ];
  if (result.among_best) sentences.push(`The target is among the receiver's ${result.among_best.of} best candidates in ${percent(result.among_best.rate)} of the games.`);
  const wrong = log.games.filter((game) => !game.right).length;
  const kind = (shown, all, word) => {
    if (all < 2) return all ? `the only ${word}` : `no ${word}es`;
    return shown === all ? `all ${count(all)} ${word}es` : `${count(shown)} of ${count(all)} ${word}es, chosen at random`;
  };
  sentences.push(`Shown below, wrong guesses first: ${kind(wrong, result.games - result.right, "wrong guess")}; ${kind(log.games.length - wrong, result.right, "right guess")}.`);
  if (log.scored) sentences.push("The percentages of the candidates are probabilities: the softmax of the receiver's scores of all candidates in the game.");
  else sentences.push("This log has no scores, so each game shows only the receiver's guess and the target.");
  if (log.other_photo) sentences.push("In some of these games, the target is not the photo that the sender saw, but another picture of its class.");
  const card = [["data", [log.card.dataset, log.card.split].filter(Boolean).join(", ")], ["game", log.card.game], ["weights", log.card.weights], ["log", log.folder]];
  return [
    el("p", null, sentences.join(" ")),
    el("p", { class: "faint" }, card.filter(([, text]) => text).map(([name, text], place) => [place ? " · " : "", `${name} `, el("code", null, text)])),
  ];
}

function gallery(log, id) {
  const classes = new Map();
  for (const game of log.games) if (game.class !== null) classes.set(game.class, (classes.get(game.class) || 0) + 1);
  const { list, more, fill } = paged("games", GAMES_AT_ONCE, (game) => card(game, log));
  const status = el("p", { role: "status", class: "faint" });
  const chosen = { class: null, right: null };

  const filter = () => {
    const matching = log.games.filter((game) => (chosen.class === null || game.class === chosen.class) && (chosen.right === null || game.right === chosen.right));
    status.textContent = matching.length === log.games.length ? `${games(matching.length)}` : `${count(matching.length)} of ${games(log.games.length)}`;
    fill(matching);
  };
  // The values of the options are numbers, because the name of a class can be any text.
  const names = [...classes.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  const select = el(
    "select",
    { id: `${id}-class`, onchange: () => ((chosen.class = select.value === "" ? null : names[select.value]), filter()) },
    el("option", { value: "" }, `all classes (${log.games.length})`),
    names.map((name, place) => el("option", { value: place }, `${name} (${classes.get(name)})`)),
  );
  const won = log.games.filter((game) => game.right).length;
  const verdicts = [["all", null], [`wrong (${log.games.length - won})`, false], [`right (${won})`, true]];
  const filters = el(
    "form",
    { class: "filters", autocomplete: "off", onsubmit: (event) => event.preventDefault() },
    names.length ? el("div", null, el("label", { for: `${id}-class` }, "Class of the target "), select) : null,
    choice("Right or wrong", `${id}-verdict`, verdicts, (right) => ((chosen.right = right), filter())),
  );
  filter();
  return [filters, status, list, more];
}

function card(game, log) {
  const photoOf = game.photo_class === null ? "" : game.photo_class;
  const verdict = game.right ? "right" : "wrong";
  return el(
    "li",
    { class: `game ${verdict}`, tabindex: -1, "data-class": game.class, "data-verdict": verdict },
    el("header", null, el("span", null, `game ${game.number}, ${game.candidates} candidates`), el("span", { class: "verdict" }, game.right ? "✓ right" : "✗ wrong")),
    el(
      "div",
      { class: "pair" },
      el("figure", null, picture(game.photo, photoOf ? `photo of class ${photoOf}` : "photo"), el("figcaption", null, log.scored ? "photo" : "target", photoOf ? `: ${photoOf}` : "")),
      el("figure", null, picture(game.sketch, "sketch"), el("figcaption", null, "sketch")),
    ),
    el("ol", { class: "guesses", "aria-label": log.scored ? "candidates, best-scored first" : "guess and target" }, game.guesses.map(guess)),
  );
}

function guess(one) {
  const marks = [one.guess ? "guess" : null, one.target ? "target" : null].filter(Boolean);
  const scored = one.probability !== undefined;
  const name = one.class === null ? "" : one.class;
  return el(
    "li",
    { class: marks.join(" ") },
    el("span", { class: "rank" }, one.rank === null ? "" : `${one.rank}.`),
    picture(one.picture, name ? `candidate of class ${name}` : "candidate"),
    el(
      "div",
      null,
      el("div", { class: "line1" }, el("span", null, name, " ", marks.length ? el("span", { class: "mark" }, marks.join(", ")) : null), scored ? el("span", { class: "score" }, one.probability === null ? "not a number" : percent(one.probability)) : null),
      scored ? el("div", { class: "bar", "aria-hidden": "true" }, el("i", { style: { width: `${100 * (one.probability || 0)}%` } })) : null,
    ),
  );
}

// ---- confusions ----

function confusion(classes) {
  const title = el("h3", null, "Confusions between classes");
  const same = classes.same_class ? ` In ${games(classes.same_class)} the guess was wrong but of the right class.` : "";
  if (!classes.confused) return [title, el("p", null, `All guesses were of the target's class.${same}`)];
  const sentence = `In ${games(classes.confused)} the receiver chose a picture of a class other than the target's.${same}`;
  const heat = scroll("Confusion of classes", matrix(classes.matrix), "fit");
  if (classes.matrix.whole) return [title, el("p", null, sentence), heat];
  return [
    title,
    el("p", null, `${sentence} The most frequent confusions:`),
    scroll("Most confused pairs", pairs(classes.pairs), "tall"),
    el("p", { style: { "margin-top": "1.25rem" } }, `The ${classes.matrix.names.length} classes with the most confusions:`),
    heat,
  ];
}

function pairs(found) {
  const heads = [["target", ""], ["guess", ""], ["games", "number"], ["of the target's games", "number"]];
  return el(
    "table",
    { class: "pairs wide" },
    el("thead", null, el("tr", null, heads.map(([name, kind]) => el("th", { scope: "col", class: kind }, name)))),
    el("tbody", null, found.map((one) => el(
      "tr",
      null,
      el("th", { scope: "row" }, one.target),
      el("td", null, one.guess),
      el("td", { class: "number" }, count(one.count)),
      el("td", { class: "number" }, `${percent(one.count / one.played, 0)} of ${count(one.played)}`),
    ))),
  );
}

function matrix(found) {
  const short = found.names.every((name) => name.length <= 3);
  return el(
    "table",
    { class: short ? "matrix short" : "matrix" },
    el("thead", null, el("tr", null, el("th", null, "target ↓ guess →"), found.names.map((name) => el("th", { scope: "col", title: name }, el("div", null, name))))),
    el("tbody", null, found.counts.map((row, target) => el(
      "tr",
      null,
      el("th", { scope: "row", title: found.names[target] }, found.names[target]),
      row.map((number, guess) => cell(number, found, target, guess)),
    ))),
  );
}

function cell(number, found, target, guess) {
  if (!number) return el("td");
  const share = number / found.played[target];
  // Rare confusions would be invisible on a linear scale.
  const tone = target === guess ? share : Math.sqrt(share);
  return el(
    "td",
    {
      class: `${target === guess ? "right" : "wrong"}${tone > 0.6 ? " strong" : ""}`,
      style: { "--share": `${(15 + 75 * tone).toFixed(0)}%` },
      title: `${found.names[target]} taken for ${found.names[guess]}: ${number} of ${found.played[target]} games`,
    },
    count(number),
  );
}
