// A pointer (or the arrow keys) over a chart of days shows that day's values in its legend.
for (const figure of document.querySelectorAll("figure.days")) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const when = figure.querySelector(".when");
  const values = [...figure.querySelectorAll(".legend b")];
  const last = data.days.length - 1;
  let shown = null;
  const show = (place) => {
    shown = place;
    const at = place ?? last;
    when.textContent = data.days[at];
    values.forEach((value, n) => { value.textContent = data.series[n][2][at]; });
    for (const chart of figure.querySelectorAll(".chart")) {
      const x = +chart.dataset.left + (+chart.dataset.inner * (at + 0.5)) / data.days.length;
      const guide = chart.querySelector(".guide");
      guide.setAttribute("x1", x);
      guide.setAttribute("x2", x);
      guide.classList.toggle("on", place !== null);
    }
  };
  const follow = (event) => {
    const chart = event.target.closest(".chart");
    if (!chart) return;
    const box = chart.getBoundingClientRect();
    const x = ((event.clientX - box.left) * chart.viewBox.baseVal.width) / box.width;
    const place = Math.floor(((x - chart.dataset.left) / chart.dataset.inner) * data.days.length);
    show(Math.min(last, Math.max(0, place)));
  };
  figure.addEventListener("pointermove", follow);
  figure.addEventListener("pointerdown", follow);
  figure.addEventListener("pointerleave", () => show(null));
  figure.addEventListener("blur", () => show(null));
  figure.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(Math.min(last, Math.max(0, (shown ?? last) + step)));
  });
  show(null);
}
