// Tabs, filters, search and addresses (#differences/g12ab34cd): what is shown follows from `state` alone.

const state = { tab: "overview", target: null, words: "", axis: "", state: "", area: "", status: "", verdict: "", route: "" };
const TABS = [
  ["overview", "Overview", null],
  ["differences", "Differences", R.groups.length],
  ["exchanges", "Exchanges", EXCHANGES.length],
  ["witnesses", "Witnesses", R.witness.different + R.golden.different],
  ["run", "Run", null],
];
const FILTERS = {
  axis: ["Any axis", distinct([...R.groups, ...R.witness.groups, ...R.golden.groups].map((group) => group.axis)), ["differences", "witnesses"]],
  state: ["Any state", distinct(R.groups.map((group) => group.state)), ["differences"]],
  verdict: ["Any verdict", distinct(EXCHANGES.map((one) => one.verdict)), ["exchanges"]],
  area: ["Any route group", distinct([...EXCHANGES.map((one) => one.area), ...R.groups.map((group) => group.route_group)]), ["differences", "exchanges", "witnesses"]],
  route: ["Any route", distinct(EXCHANGES.map((one) => `${one.method} ${one.route}`)), ["differences", "exchanges", "witnesses"]],
  status: ["Any status", distinct(EXCHANGES.flatMap((one) => [one.left, one.right]).filter((status) => status !== null).map(classOf)), ["differences", "exchanges"]],
};
const uses = (name) => state[name] && FILTERS[name][2].includes(state.tab);
const wanted = () => state.words.toLowerCase().split(/\s+/).filter(Boolean);

function groupShown(group, cause) {
  const statuses = STATUSES_OF_GROUP.get(group.id);
  return (!uses("axis") || group.axis === state.axis) && (!uses("state") || group.state === state.state)
    && (!uses("area") || group.route_group === state.area) && (!uses("route") || `${group.method} ${group.route}` === state.route)
    && (!uses("status") || (statuses && [...statuses].some((status) => status !== null && classOf(status) === state.status)))
    && wanted().every((word) => wordsOfGroup(group, cause).includes(word));
}

function exchangeShown(one) {
  const has = (status) => status !== null && classOf(status) === state.status;
  return (!uses("verdict") || one.verdict === state.verdict) && (!uses("area") || one.area === state.area)
    && (!uses("route") || `${one.method} ${one.route}` === state.route) && (!uses("status") || has(one.left) || has(one.right));
}

function filtered() {
  const words = wanted();
  return EXCHANGES.filter((one) => exchangeShown(one) && words.every((word) => wordsOfExchange(one).includes(word)));
}

function show() {
  for (const button of $("tabs").children) {
    button.setAttribute("aria-selected", String(button.dataset.tab === state.tab));
    button.tabIndex = button.dataset.tab === state.tab ? 0 : -1;
  }
  const filters = $("filters");
  filters.hidden = !["differences", "exchanges", "witnesses"].includes(state.tab);
  for (const select of filters.querySelectorAll("select")) {
    select.hidden = !FILTERS[select.name][2].includes(state.tab) || FILTERS[select.name][1].length < 2;
    select.value = state[select.name];
    select.classList.toggle("set", Boolean(state[select.name]));
  }
  $("clear").hidden = !state.words && !Object.keys(FILTERS).some(uses);
  const made = { overview, run, differences, exchanges, witnesses: () => witnesses(groupShown) }[state.tab]();
  $("main").replaceChildren(...made.flat(9).filter(Boolean));
  $("main").setAttribute("aria-label", TABS.find(([tab]) => tab === state.tab)[1]);
  if (state.tab === "witnesses") $("matches").textContent = "";
  const aim = state.target && state.tab !== "exchanges" && $(`group-${state.target}`);
  if (aim) aim.scrollIntoView({ block: "start" });
}

function differences() {
  const found = causes(R, [LEFT, RIGHT], groupShown);
  const fitting = R.causes.flatMap((cause) => ofCause(cause, GROUPS).filter((group) => groupShown(group, cause)));
  $("matches").textContent = `${count(fitting.length)} of ${many(R.groups.length, "group")}`;
  return R.groups.length ? orNothing(found) : [h("p", { class: "empty" }, "No differences.")];
}

function exchanges() {
  const found = filtered();
  $("matches").textContent = `${count(found.length)} of ${many(EXCHANGES.length, "exchange")}`;
  return exchangeList(found);
}

// Go to a tab, and there to a group or an exchange; `filters` replace those that are set.
function go(tab, target, filters) {
  Object.assign(state, { tab, target: target || null });
  if (target || filters) Object.assign(state, { words: "", axis: "", state: "", area: "", status: "", verdict: "", route: "" }, filters || {});
  $("search").value = state.words;
  const address = `#${tab}${target ? `/${encodeURIComponent(target)}` : ""}`;
  if (location.hash !== address) history.pushState(null, "", address);
  show();
  if (!target) scrollTo(0, 0);
}

function clear() {
  go(state.tab, null, {});
  $("search").focus();
}

function fromAddress() {
  const [tab, target] = location.hash.slice(1).split("/");
  Object.assign(state, { tab: TABS.some(([name]) => name === tab) ? tab : "overview", target: target ? decodeURIComponent(target) : null });
  show();
}

function start() {
  document.documentElement.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const named = () => { $("theme").textContent = document.documentElement.dataset.theme === "dark" ? "Light" : "Dark"; };
  named();
  $("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    named();
  });
  $("verdict").textContent = R.verdict;
  $("verdict").classList.add(R.verdict);
  $("pair").textContent = `${LEFT} → ${RIGHT}`;
  $("tabs").append(...TABS.map(([tab, name, number]) => h("button", { type: "button", role: "tab", "data-tab": tab, "aria-controls": "main", onclick: () => go(tab) },
    name, number !== null && h("span", { class: "number" }, count(number)))));
  $("tabs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (TABS.findIndex(([tab]) => tab === state.tab) + step + TABS.length) % TABS.length;
    go(TABS[next][0]);
    $("tabs").children[next].focus();
  });
  let typed = 0;
  const search = h("input", { type: "search", id: "search", placeholder: "Search routes, paths, values, ids (press /)", "aria-label": "Search", autocomplete: "off", spellcheck: "false",
    oninput: () => { clearTimeout(typed); typed = setTimeout(() => { state.words = search.value; state.target = null; show(); }, 120); } });
  const selects = Object.entries(FILTERS).map(([name, [any, values]]) => h("select", { name, "aria-label": any.replace("Any", "Filter by"),
    onchange: (event) => { state[name] = event.target.value; state.target = null; show(); } },
    h("option", { value: "" }, any), values.map((value) => h("option", { value }, cut(value.replace("_", " "), 80)))));
  $("filters").append(search, ...selects, h("button", { class: "quiet", type: "button", id: "clear", onclick: clear }, "Clear"), h("output", { id: "matches", "aria-live": "polite" }));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || /INPUT|SELECT|TEXTAREA/.test(document.activeElement.tagName)) return;
    event.preventDefault();
    if ($("filters").hidden) go("differences");
    $("search").focus();
  });
  addEventListener("hashchange", fromAddress);
  addEventListener("popstate", fromAddress);
  fromAddress();
}

start();
