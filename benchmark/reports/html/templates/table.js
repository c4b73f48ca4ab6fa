"use strict";
// The table: sorting (DataTables), filters, columns by family, conditions, what a click explains, copying.
(() => {
  const { element, options, about, facts, number } = report;
  const tables = new Map();
  const filters = { family: "", input: "", trained: "" };
  const hiddenFamilies = new Set();

  const panel = () => [...document.querySelectorAll(`.board[data-board="${report.index()}"] .panel`)].find((own) => !own.hidden);
  const shownBoard = () => {
    const tag = panel().dataset.tag;
    return tag ? report.board().conditions[tag] : report.board();
  };

  const table = () => {
    const own = panel().querySelector("table.leaderboard");
    if (!tables.has(own)) {
      const heads = [...own.tHead.rows[1].cells];
      own.querySelectorAll("button.info").forEach((button) => ["mousedown", "keydown", "keypress", "click"].forEach((type) => button.addEventListener(type, (event) => event.stopPropagation())));
      own.querySelectorAll("button.info").forEach((button) => button.addEventListener("click", () => explain(Number(button.dataset.metric))));
      tables.set(own, new DataTable(own, {
        paging: false, info: false, autoWidth: false, order: [], titleRow: 1, orderCellsTop: false,
        layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
        columnDefs: heads.map((head, target) => ({ targets: target, orderSequence: head.dataset.first === "desc" ? ["desc", "asc"] : ["asc", "desc"] })),
      }));
      const api = tables.get(own);
      api.search.fixed("filters", (text, data, index) => {
        const row = api.row(index).node();
        return Object.entries(filters).every(([key, wish]) => !wish || row.dataset[key] === wish);
      });
    }
    return tables.get(own);
  };

  const explain = (place) => {
    const metric = shownBoard().metrics[place];
    about(`${metric.label}: ${metric.name}`, element("p", { class: "notes" }, metric.notes), facts(metric.facts));
  };

  const describe = (name) => {
    const known = report.methods[name];
    const line = shownBoard().lines.find((own) => own.method === name);
    const board = shownBoard();
    const strange = report.board().strange[name];
    about(
      `${name}${known.title !== name ? `: ${known.title}` : ""}`,
      line.brief && element("p", { class: "note" }, "Its weights were trained briefly: these are not the numbers of the published method."),
      facts([
        ["paper", known.paper], ["family", known.family], ["input", known.input], ["weights", known.origin],
        ["parameters", known.parameters ? known.parameters.toLocaleString("en") : ""], ["hash", known.sha256 ? known.sha256.slice(0, 12) : ""],
        ["mean rank", line.rank == null ? "none: a mean is missing" : `${line.rank} (95 % ${line.low} to ${line.high}); in each pair by itself ${number(line.pair_rank)}`],
        ["Borda points", line.borda == null ? "" : `${line.borda} of ${board.lines.length - 1}`],
        ["odd colours", strange ? strange.join(", ") : ""],
      ]),
      element("div", { class: "scroll" }, element("table", {},
        element("thead", {}, element("tr", {}, ["metric", "mean", "95 %", "median", "images"].map((text) => element("th", { scope: "col" }, text)))),
        element("tbody", {}, board.metrics.map((metric, place) => {
          const cell = line.cells[place];
          return element("tr", {}, element("th", { scope: "row" }, `${metric.label} ${metric.arrow}`), [number(cell.mean), `${number(cell.low)} to ${number(cell.high)}`, number(cell.median), `${cell.count}/${board.images}`].map((text) => element("td", {}, text)));
        })))),
    );
  };

  const signed = (value) => (value > 0 ? "+" : "") + number(value);
  const trace = (method, kind, place) => {
    const board = shownBoard();
    const line = [...board.lines, ...board.controls].find((own) => own.method === method);
    const column = (kind === "metric" ? board.metrics : board.people)[place];
    const cell = (kind === "metric" ? line.cells : line.people)[place];
    const run = report.trust.find((own) => own.datasets[report.board().dataset] && (report.methods[method]?.run ?? own.folder) === own.folder) ?? report.trust[0];
    const made = Object.values(run.made_by).at(-1);
    about(
      `${method}: ${column.label} ${number(cell.mean)}`,
      facts([
        ["definition", kind === "metric" ? `${column.key} (${column.name})` : column.label],
        ["over", kind === "metric" ? `${cell.count} of ${board.images} pairs` : `${cell.count} of ${column.total} ${column.counted}`],
        ["95 %", cell.low == null ? cell.why_not && `no interval: ${cell.why_not}` : `${number(cell.low)} to ${number(cell.high)} (bootstrap over ${kind === "metric" ? "pairs" : column.counted})`],
        ["beside the best camera", cell.gain == null ? "" : `${signed(cell.gain)}${cell.gain_low == null ? "" : ` (95 % ${signed(cell.gain_low)} to ${signed(cell.gain_high)}, both drawn alike)`}`],
        ["median", cell.median == null ? "" : number(cell.median)],
        ["beside the best", cell.alike == null || (kind !== "metric" && cell.low == null) ? "" : cell.alike ? "not told from it, or the best itself" : "significantly worse"],
        ["metric's code", run.metrics[column.key]?.sha256?.slice(0, 12)],
        ["weights", report.methods[method]?.origin], ["hash", report.methods[method]?.sha256?.slice(0, 12)],
        ["commit", made?.software?.commit], ["software", made ? Object.entries(made.software.packages).map(([name, version]) => `${name} ${version}`).join(", ") : ""],
        ["make it again", run.command],
      ]),
    );
  };

  document.getElementById("table").addEventListener("click", (event) => {
    const method = event.target.closest("button.method");
    if (method) return describe(method.closest("tr").dataset.method);
    const cell = event.target.closest("td.number");
    if (!cell) return;
    const head = panel().querySelector("table.leaderboard").tHead.rows[1].cells;
    const column = [...head].find((own) => own.dataset.kind && own.cellIndex === cell.cellIndex);
    if (column) trace(cell.closest("tr").dataset.method, column.dataset.kind, Number(column.dataset.place));
  });

  const redraw = () => table().draw();
  document.getElementById("find").addEventListener("input", (event) => table().search(event.target.value).draw());
  document.querySelectorAll("[data-filter]").forEach((select) => select.addEventListener("change", () => { filters[select.dataset.filter] = select.value; redraw(); }));

  const applyFamilies = () => {
    const api = table();
    api.columns().every(function () {
      const family = this.header().dataset.family;
      if (family) this.visible(!hiddenFamilies.has(family), false);
    });
    panel().querySelectorAll("tr.families th[data-family]").forEach((head) => (head.hidden = hiddenFamilies.has(head.dataset.family)));
  };

  const fill = () => {
    const board = report.board();
    const rows = board.lines.map((line) => report.methods[line.method]);
    for (const key of Object.keys(filters)) {
      const select = document.querySelector(`[data-filter="${key}"]`);
      const values = [...new Set(rows.map((row) => row[key]).filter(Boolean))].sort();
      select.replaceChildren(...options(["", ...values], filters[key], ["all", ...values]));
      select.closest("label").hidden = values.length < 2;
    }
    const families = [...new Set([...board.metrics, ...board.people].map((own) => own.family)), "cost", "to look at"];
    const field = document.getElementById("column-families");
    field.replaceChildren(field.firstElementChild, ...families.map((family) => element("label", { class: "chip" },
      element("input", { type: "checkbox", checked: !hiddenFamilies.has(family), onchange: (event) => { event.target.checked ? hiddenFamilies.delete(family) : hiddenFamilies.add(family); applyFamilies(); } }), family)));
    table();
    applyFamilies();
  };

  document.querySelectorAll(".tabs").forEach((tabs) => tabs.addEventListener("click", (event) => {
    const tab = event.target.closest("[data-tab]");
    if (!tab) return;
    tabs.querySelectorAll("[data-tab]").forEach((own) => own.setAttribute("aria-selected", own === tab));
    tabs.parentElement.querySelectorAll(".panel").forEach((own) => (own.hidden = own.dataset.tag !== tab.dataset.tab));
    table(); applyFamilies();
  }));

  // Copying: what is shown, in the order in which it is shown.
  const shown = () => {
    const own = panel().querySelector("table.leaderboard");
    const heads = [...own.querySelectorAll("thead tr:not(.families) th")].filter((head) => head.offsetParent !== null || head.offsetWidth);
    const text = (cell) => cell.cloneNode(true);
    const clean = (cell) => { const copy = text(cell); copy.querySelectorAll(".info, .dt-column-order, small").forEach((part) => part.remove()); return copy.textContent.trim().replace(/\s+/g, " "); };
    return {
      head: heads.map(clean), keys: heads.map((head) => head.dataset.key),
      rows: [...own.tBodies[0].rows].map((row) => [...row.cells].map((cell) => ({ text: clean(cell), mark: cell.classList.contains("best") ? "best" : cell.classList.contains("second") ? "second" : "" }))),
    };
  };
  const latexNames = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "↑": "$\\uparrow$", "↓": "$\\downarrow$", "†": "$^\\dagger$", "<": "\\textless{}", ">": "\\textgreater{}", "|": "\\textbar{}", "[": "{[}", "]": "{]}" };
  const latex = (text) => text.replace(/[\\~^↑↓†<>|[\]]|[_&%$#{}]/g, (letter) => latexNames[letter] ?? `\\${letter}`);
  const markdown = (text) => text.replace(/[\\`*_[\]<>|#]/g, "\\$&");
  // A name that a spreadsheet would take for a formula is kept as text, as in the CSV files of a run.
  const plainCell = (text) => (/^[=+\-@\t\r]./.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text);
  const csvCell = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const formats = {
    csv: ({ keys, rows }) => [keys, ...rows.map((row) => row.map((cell) => cell.text))].map((row) => row.map(plainCell).map(csvCell).join(",")).join("\n"),
    md: ({ head, rows }) => [head.map(markdown), head.map((_, place) => (place ? "--:" : ":--")), ...rows.map((row) => row.map(({ text, mark }) => (mark === "best" ? `**${markdown(text)}**` : mark === "second" ? `_${markdown(text)}_` : markdown(text))))].map((row) => `| ${row.join(" | ")} |`).join("\n"),
    tex: ({ head, rows }) => [`\\begin{tabular}{l${"r".repeat(head.length - 1)}}`, "\\toprule", `${head.map(latex).join(" & ")} \\\\`, "\\midrule", ...rows.map((row) => `${row.map(({ text, mark }) => (mark === "best" ? `\\textbf{${latex(text)}}` : mark === "second" ? `\\underline{${latex(text)}}` : latex(text))).join(" & ")} \\\\`), "\\bottomrule", "\\end{tabular}"].join("\n"),
  };
  const put = async (text) => {
    try { await navigator.clipboard.writeText(text); } catch {
      const area = element("textarea", { class: "hidden" });
      area.value = text; document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
    }
    const output = document.getElementById("copied");
    output.textContent = "copied"; setTimeout(() => (output.textContent = ""), 2000);
  };
  document.querySelectorAll("[data-copy]").forEach((button) => button.addEventListener("click", () => put(formats[button.dataset.copy](shown()))));
  document.querySelectorAll("[data-copy-text]").forEach((button) => button.addEventListener("click", () => put(button.dataset.copyText)));
  report.tableText = (format) => formats[format](shown());

  report.whenShown(fill);
})();
