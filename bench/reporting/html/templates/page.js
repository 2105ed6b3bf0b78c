"use strict";
(() => {
  const status = document.getElementById("status");

  const compare = (a, b, numeric, sign) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return sign * (numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true }));
  };

  const sort = (head) => {
    const table = head.closest("table");
    const heads = [...table.tHead.rows[0].cells];
    const numeric = head.classList.contains("n");
    const now = head.getAttribute("aria-sort");
    const first = numeric ? "descending" : "ascending";
    const next = now === null ? first : now === "ascending" ? "descending" : "ascending";
    heads.forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", next);
    const place = heads.indexOf(head);
    const sign = next === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows];
    const key = (row) => row.cells[place].dataset.sort || "";
    rows.sort((a, b) => compare(key(a), key(b), numeric, sign));
    table.tBodies[0].append(...rows);
    status.textContent = `${table.caption.textContent}: sorted by ${head.textContent.trim()}, ${next}`;
  };

  document.querySelectorAll("table.sortable th button").forEach((button) => {
    button.addEventListener("click", () => sort(button.closest("th")));
  });

  const filters = document.getElementById("filters");
  if (filters) {
    const rows = [...document.querySelectorAll("#table-leaderboard tbody tr")];
    const shown = (row, wanted) =>
      (!wanted.get("task") || row.dataset.task === wanted.get("task")) &&
      (!wanted.get("teacher") || row.dataset.teacher === wanted.get("teacher")) &&
      (!wanted.get("size") || (row.dataset.size !== "" && Number(row.dataset.size) <= Number(wanted.get("size")))) &&
      (wanted.get("reported") === "on" || row.dataset.reported === "false") &&
      (wanted.get("flagged") === "on" || row.dataset.flagged === "false");
    const filter = () => {
      const wanted = new FormData(filters);
      rows.forEach((row) => { row.hidden = !shown(row, wanted); });
      status.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} models shown`;
    };
    filters.addEventListener("input", filter);
    filters.addEventListener("submit", (event) => event.preventDefault());
    filters.hidden = false;
    filter();
  }

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    opened.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => { opened.forEach((one) => { one.open = false; }); });
})();
