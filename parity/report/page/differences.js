// Causes and the groups under them, for the pair and for each witness.

function causes(comparison, names, shown) {
  const groups = new Map(comparison.groups.map((group) => [group.id, group]));
  const found = [];
  for (const cause of comparison.causes) {
    const fitting = ofCause(cause, groups).filter((group) => shown(group, cause));
    if (fitting.length) found.push([cause, fitting]);
  }
  return found.map(([cause, fitting], number) => oneCause(cause, fitting, names, number === 0 && found.length <= 12));
}

function oneCause(cause, groups, names, open) {
  const total = groups.reduce((sum, group) => sum + group.count, 0);
  const label = [h("span", { class: "title" }, arrows(cause.title), " ", names[0] === LEFT && stateOf(groups)),
    h("span", { class: "meta" }, `${many(total, "difference")}, ${many(groups.length, "group")}`)];
  const made = expander("h2", "cause", label, () => h("div", {}, groups.map((group) => oneGroup(group, names))), open || groups.some((group) => group.id === state.target));
  made.box.id = `cause-${cause.id}`;
  return made.box;
}

function oneGroup(group, names) {
  const label = [
    // A witness explains; only what differs between the stacks has a state.
    names[0] === LEFT ? chip(group.state) : h("span", { class: "chip" }, names[0]),
    h("span", { class: "route", title: `${group.method} ${group.route}` }, h("span", { class: "method" }, group.method), " ", group.route),
    h("span", { class: "path", title: group.path }, h("span", { class: "axis" }, group.where === "answer" ? group.axis : `${group.where} ${group.axis}`), group.path === group.axis ? "" : cut(group.path, 160)),
    h("span", { class: "kinds" }, h("span", { class: "kind" }, cut(group.left_kind, 80)), h("span", { class: "arrow" }, "→"), h("span", { class: "kind" }, cut(group.right_kind, 80))),
    h("span", { class: "meta" }, `${count(group.count)}×`),
  ];
  const made = expander("h3", "group", label, () => groupDetail(group, names), group.id === state.target);
  made.box.id = `group-${group.id}`;
  return made.box;
}

function groupDetail(group, names) {
  const detail = R.details[group.example];
  const fact = (name, ...value) => [h("div", {}, h("dt", {}, name), h("dd", {}, ...value))];
  const others = group.exchanges.slice(0, 12).map((id) => h("button", { type: "button", onclick: () => go("exchanges", id) }, id));
  return h("div", { class: "detail" },
    h("dl", { class: "facts" },
      fact(`${names[0]} → ${names[1]}`, h("span", { class: "kind" }, group.left_kind), h("span", { class: "arrow" }, "→"), h("span", { class: "kind" }, group.right_kind)),
      fact("seen", `${many(group.count, "time")}, first in `, others.flatMap((link, number) => (number ? [", ", link] : [link])), group.exchanges.length > 12 ? " …" : ""),
      group.folded > 0 && fact("follows", `${many(group.folded, "more difference")} of the answer follow from it and are not counted`),
      group.order_dependent !== null && fact("alone", group.order_dependent ? "equal when sent alone: depends on the requests before it" : "differs when sent alone, too"),
      group.caused_by && fact("caused by", h("button", { type: "button", onclick: () => go("differences", group.caused_by) }, GROUPS.has(group.caused_by) ? about(GROUPS.get(group.caused_by)) : group.caused_by)),
      group.rule && fact("accepted by", `rule ${group.rule.id}: ${group.rule.reason} (${group.rule.owner}, until ${group.rule.expires})`)),
    detail ? exchange(detail, group.where) : h("p", { class: "muted" }, `The example ${group.example} was not kept whole.`),
    group.shrunk && h("section", {}, h("h4", {}, "Shrunk", h("span", { class: "muted" }, `${many(group.shrunk.requests, "request")} and ${many(group.shrunk.leaves, "leaf").replace("leafs", "leaves")} still differ`)),
      curls(group.shrunk.curl, ", shrunk"), group.shrunk.pytest && fold("As a test for pytest", () => block("pytest file", group.shrunk.pytest))),
    group.suggested_rule && group.state !== "accepted" && fold("The ledger rule that would accept this group", () => block("ledger rule", group.suggested_rule)));
}

const about = (group) => `${group.method} ${group.route} ${group.path}`;
