// Witnesses beside the verdict, and what the run was made of.

function witnesses(shown) {
  const part = (title, comparison, names, said) => comparison.compared > 0 && h("section", { class: "section" }, h("h2", {}, title),
    h("p", { class: "notes" }, `${many(comparison.compared, "answer")} compared, ${count(comparison.equal)} equal, ${count(comparison.different)} different. ${said}`),
    comparison.groups.length > 0 && orNothing(causes(comparison, names, shown)));
  const parts = [
    part("Recorded answers", R.witness, ["recorded", LEFT], `Where both stacks agree and the recording does not, ${LEFT} has changed since it was recorded. This does not count for the verdict.`),
    part("Golden answers", R.golden, ["golden", LEFT], "Somebody approved these answers as right."),
  ].filter(Boolean);
  return parts.length ? parts : [h("p", { class: "empty" }, "The recording has no answers to compare with, and there are no golden answers.")];
}

const orNothing = (found) => (found.length ? found : [nothing()]);
const nothing = () => h("p", { class: "empty" }, "Nothing fits the search and the filters. ", h("button", { class: "quiet", type: "button", onclick: clear }, "Clear them"));

function run() {
  const table = (title, names, lines) => lines.length > 0 && h("section", { class: "section" }, h("h2", {}, title), h("div", { class: "card scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, names.map((name, at) => h("th", { scope: "col", class: typeof lines[0][at] === "number" ? "n" : null }, name)))),
    h("tbody", {}, lines.map((line) => h("tr", {}, line.map((text) => h("td", { class: typeof text === "number" ? "n" : null }, typeof text === "number" ? count(text) : text))))))));
  const code = (text) => h("code", { title: text }, cut(text, 16));
  const rule = (one) => [code(one.id), one.reason, one.owner, one.expires];
  const rules = ["Rule", "Reason", "Owner", "Expires"];
  const L = R.ledger;
  return [
    table("Stacks", ["Name", "Prefix", "Address", "Digest of its code"], R.stacks.map((one) => [one.name, code(one.prefix || "/"), h("code", {}, one.url), code(one.code)])),
    table("Recordings", ["File", "Exchanges", "Source", "Digest"], R.recordings.map((one) => [one.name, one.entries, one.source, code(one.digest)])),
    table("Expired rules of the ledger", rules, L.expired.map(rule)),
    table("Rules that nothing uses", rules, L.unused.map(rule)),
    table("Rules that silence many groups", [...rules, "Groups"], L.broad.map((one) => [...rule(one.rule), one.groups])),
    table("Rules in use", [...rules, "Differences", "Groups"], L.used.map((one) => [...rule(one.rule), one.count, one.groups])),
    table("Values that change from run to run", ["Route", "Path", "Compared as"], R.calibration.map((one) => [h("code", {}, one.route), h("code", {}, one.path), h("code", {}, one.kind)])),
    table("Skipped exchanges", ["Reason", "Count"], Object.entries(R.counts.skipped)),
    table("Values that could not be carried over", ["Reason", "Count", "Such as"], Object.entries(R.counts.not_carried).map(([reason, number]) => [reason, number, (R.counts.not_carried_examples[reason] || []).join(", ")])),
    R.latencies.length > 0 && h("section", { class: "section" }, h("h2", {}, "Time to answer, milliseconds"), latencies()),
  ];
}

function latencies() {
  const names = [`${LEFT} p50`, `${LEFT} p95`, `${RIGHT} p50`, `${RIGHT} p95`];
  return h("div", { class: "card scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Route"), ["answers", ...names].map((name) => h("th", { class: "n", scope: "col" }, name)))),
    h("tbody", {}, R.latencies.map((one) => h("tr", {}, h("td", {}, h("span", { class: "method" }, one.method), " ", h("span", { class: "route" }, one.route)),
      h("td", { class: "n" }, count(one.count)),
      [one.left_p50, one.left_p95, one.right_p50, one.right_p95].map((time) => h("td", { class: "n" }, time.toFixed(1))))))));
}
