// Elements, texts and small widgets. Whatever comes from a report becomes a text node or an attribute, never markup.

const $ = (id) => document.getElementById(id);

function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(9)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

const count = (number) => number.toLocaleString("en");
const many = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
const chip = (state) => h("span", { class: `chip ${state}` }, state.replace("_", " "));
const arrows = (title) => title.replaceAll(" -> ", " → ");
const cut = (text, length) => (text.length > length ? `${text.slice(0, length)}…` : text);

// Characters that cannot be seen, or that turn the direction of what follows, are shown by their number.
const plain = (text) =>
  text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);

let toastEnds = 0;
function say(text) {
  $("toast").textContent = text;
  $("toast").classList.add("on");
  clearTimeout(toastEnds);
  toastEnds = setTimeout(() => $("toast").classList.remove("on"), 1600);
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // A page from a plain http server has no clipboard of its own.
    const area = h("textarea", { "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say("Copied");
}

// A text that is there to be copied: shown whole, with a button. What is copied is the text itself, not how it is shown.
function block(name, text) {
  return h("div", { class: "block" },
    h("button", { class: "quiet copy", type: "button", "aria-label": `Copy ${name}`, onclick: () => copyText(text) }, "Copy"),
    h("pre", { class: "room", tabindex: "0", "aria-label": name }, plain(text)));
}

function fold(title, make) {
  const inside = h("div", { class: "after" });
  const details = h("details", {}, h("summary", {}, title), inside);
  details.addEventListener("toggle", () => details.open && !inside.childNodes.length && inside.append(make()));
  return details;
}

// A heading whose button opens and closes what stands below it; the content is made when it is first seen.
function expander(heading, classes, label, make, open) {
  const button = h("button", { type: "button", "aria-expanded": "false" }, h("span", { class: "turn", "aria-hidden": "true" }, "▶"), label);
  const box = h("div", { class: classes }, h(heading, {}, button));
  let inside = null;
  const turn = (to) => {
    button.setAttribute("aria-expanded", String(to));
    box.classList.toggle("open", to);
    if (to && !inside) box.append((inside = make()));
    if (inside) inside.hidden = !to;
  };
  button.addEventListener("click", () => turn(button.getAttribute("aria-expanded") !== "true"));
  if (open) turn(true);
  return { box, button, turn };
}
