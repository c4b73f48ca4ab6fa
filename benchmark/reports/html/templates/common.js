"use strict";
// What all parts of the page share: the data, the board that is shown, the address, the dialog.
const report = (() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const boards = read("boards"), methods = read("methods"), trust = read("trust-data");
  const listeners = [], pictures = new Map(), due = new Map();
  let current = 0;

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value === true) made.setAttribute(name, "");
      else if (value !== false && value != null) made.setAttribute(name, value);
    }
    made.append(...children.flat().filter((child) => child != null && child !== false));
    return made;
  };

  const options = (names, chosen, texts = names) =>
    names.map((name, place) => {
      const option = element("option", { value: name }, texts[place]);
      option.selected = name === chosen;
      return option;
    });

  const show = (index) => {
    current = index;
    document.querySelectorAll("[data-board]").forEach((own) => (own.hidden = Number(own.dataset.board) !== index));
    listeners.forEach((tell) => tell());
  };

  const dialog = document.getElementById("about");
  const about = (title, ...body) => {
    document.getElementById("about-title").textContent = title;
    document.getElementById("about-body").replaceChildren(...body.flat().filter(Boolean));
    dialog.showModal();
  };
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

  const facts = (pairs) =>
    element("dl", {}, pairs.filter(([, text]) => text !== "" && text != null).flatMap(([term, text]) => [element("dt", {}, term), element("dd", {}, String(text))]));

  return {
    boards, methods, trust, element, options, show, about, facts,
    board: () => boards[current],
    index: () => current,
    whenShown: (tell) => listeners.push(tell),
    // A section of the page, by its id, that is drawn when it comes near.
    whenNear: (id, draw) => due.set(id, draw),
    due,
    pictures: (index = current) => {
      if (!pictures.has(index)) pictures.set(index, read(`pictures-${index}`));
      return pictures.get(index);
    },
    address: () => new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : ""),
    setAddress: (values) => history.replaceState(null, "", `#${new URLSearchParams(values)}`),
    number: (value) => (value == null ? "–" : Number(value).toPrecision(4).replace(/\.?0+$/, (zeros) => (zeros.startsWith(".") ? "" : zeros))),
  };
})();
