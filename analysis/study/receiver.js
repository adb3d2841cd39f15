// The receiver's page: the person sees a sketch and chooses a candidate.
const PAUSE = 300; // ms in which a new round ignores clicks, such as the second one of a double click

const role = {
  format: "learning-to-draw study answers 1",
  things: "answers",
  nouns: ["sketch", "sketches"],
  counter: "Sketch",
  sticky: true,
  about: (pictures) => "A computer program looked at a picture and drew a sketch of it, with a few strokes. You will " +
    "see such a sketch together with " + pictures + ". " + study.task,
  advice: "There is no time limit. Sketches can be hard to read: if you are not sure, choose what seems most likely " +
    "to you. An answer cannot be changed afterwards.",
  practice: ", where you see the right answer",
  noPractice: "You will not see whether you were right.",
  fromHere: "From here on you will not see whether you were right.",

  start() {
    find("#feedback button").addEventListener("click", go);
  },

  show(game) {
    find("#feedback").hidden = true;
    for (const id of ["#question", "#keys"]) find(id).hidden = false;
    place(find("#sketch"), game.sketch);
    const digits = game.order.length <= 9;
    find("#keys").innerHTML =
      "Click on it, or use the arrow keys and <kbd>Enter</kbd>" + (digits ? ", or its number." : ".");
    find("#candidates").replaceChildren(...game.order.map((candidate, position) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-label", "Picture " + (position + 1));
      button.append(place(Object.assign(new Image(), { alt: "", decoding: "sync" }), game.candidates[candidate]));
      if (digits) button.append(badge("digit", position + 1));
      button.addEventListener("click", () => choose(candidate));
      return button;
    }));
    const opened = turn;
    turn.open = false;
    find("#candidates").setAttribute("aria-busy", "true");
    setTimeout(() => {
      if (turn !== opened) return;
      turn.open = true;
      find("#candidates").setAttribute("aria-busy", "false");
    }, PAUSE);
  },

  layout(narrow, height) {
    const room = narrow ? Math.min(260, 0.27 * height) : Math.min(352, 0.5 * height);
    const [whole] = sizes(longer(find("#sketch")), room);
    resize(find("#sketch"), whole > 0.66 * room ? whole : room);
  },

  key(event) {
    if (!find("#feedback").hidden) return;
    if (/^(Arrow|Home$|End$)/.test(event.key)) {
      event.preventDefault();
      move(event.key);
    }
    const { order } = turn.step.game;
    if (order.length <= 9 && /^[1-9]$/.test(event.key) && +event.key <= order.length) choose(order[event.key - 1]);
  },
};

function choose(candidate) {
  if (!turn || !turn.open) return;
  turn.open = false;
  const { game, practice } = turn.step;
  const ofClass = (chosen) => (game.of_class ? game.of_class.includes(chosen) : null);
  if (practice) return tell(candidate);
  record({
    attention: game.attention, // undefined, and thus not saved, in games that show a sketch
    choice: candidate,
    target: game.target,
    candidates: game.candidates.length,
    right: candidate === game.target,
    right_class: ofClass(candidate),
    candidates_of_class: game.of_class ? game.of_class.length : null,
    agents_choice: game.guess,
    agents_right: game.guess === game.target,
    agents_right_class: ofClass(game.guess),
  });
  go();
}

function tell(candidate) {
  const { order, target } = turn.step.game;
  const buttons = [...find("#candidates").children];
  for (const button of buttons) button.classList.add("answered");
  const mark = (marked, kind, sign) => {
    const button = buttons[order.indexOf(marked)];
    button.classList.add(kind);
    button.append(badge("mark", sign));
  };
  mark(target, "right", "✓");
  if (candidate !== target) mark(candidate, "wrong", "✗");
  const right = candidate === target;
  find("#feedback p").textContent = right
    ? "Right!" : "Wrong: the right one is picture " + (order.indexOf(target) + 1) + ", in green.";
  find("#feedback p").className = right ? "right-text" : "wrong-text";
  for (const id of ["#question", "#keys"]) find(id).hidden = true;
  find("#feedback").hidden = false;
  find("#feedback button").focus({ preventScroll: true });
  buttons[order.indexOf(target)].scrollIntoView({ block: "nearest" });
}

function move(key) {
  const buttons = [...find("#candidates").children];
  const columns = buttons.filter((button) => button.offsetTop === buttons[0].offsetTop).length;
  const from = buttons.indexOf(document.activeElement);
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  const to = { Home: 0, End: buttons.length - 1 }[key] ?? (from < 0 ? 0 : from + by);
  if (buttons[to]) buttons[to].focus();
}
