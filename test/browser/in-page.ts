/** What is asked inside of a page. As text, because the types of this project know no DOM. */

/** How much wider than its window the page is: more than 0 would scroll sideways. */
export const OVERFLOW = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';

export const HEIGHT = 'document.documentElement.scrollHeight';

/** What the page does once it has painted is done, and so are the keys of what is seen now bound. */
export const PAINTED = `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))`;

/** Label and outline of what has the focus; null where nothing has. */
export const FOCUSED = `(() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const label = element.labels?.[0]?.innerText ?? element.innerText;
  return { id: element.id, label: label.trim(), outlined: getComputedStyle(element).outlineStyle !== 'none' };
})()`;

export interface Focused {
  id: string;
  label: string;
  outlined: boolean;
}

/** Writes something into every field, and keeps the browser from asking for more. */
export const FILL_ALL = `(() => {
  for (const form of document.forms) form.noValidate = true;
  for (const field of document.querySelectorAll('input[type=text], textarea')) field.value = 'seen by our mail gateway';
})()`;

/** Texts whose contrast with their ground is less than 4.5 to 1, large and bold ones 3 to 1 (WCAG 2, AA). */
export const POOR_CONTRASTS = `(() => {
  const channels = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const light = (color) => {
    const [red, green, blue] = channels(color).map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const groundOf = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (channels(backgroundColor)[3] !== 0) return backgroundColor;
    }
    return 'rgb(255, 255, 255)';
  };
  const poor = [];
  for (const element of document.querySelectorAll('body *')) {
    const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (texts.length === 0) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(element);
    const [one, other] = [light(color), light(groundOf(element))].sort((left, right) => right - left);
    const isLarge = parseFloat(fontSize) >= 24 || (parseFloat(fontSize) >= 18.66 && Number(fontWeight) >= 700);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < (isLarge ? 3 : 4.5)) poor.push(texts[0].textContent.trim().slice(0, 40) + ': ' + ratio.toFixed(2));
  }
  return poor;
})()`;

/** What a screen reader would call what has the focus: its label, or what it says. */
export const NAME_OF_FOCUSED = `(() => {
  const element = document.activeElement;
  if (!element || element === document.body) return '';
  return (element.labels?.[0]?.innerText ?? element.getAttribute('aria-label') ?? element.innerText ?? '').trim();
})()`;

/** As if somebody looked at another tab, or came back. */
export const setHidden = (hidden: boolean): string => `(() => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${hidden} });
  document.dispatchEvent(new Event('visibilitychange'));
})()`;

/** Scrolls through the whole page in steps; answers the longest time in milliseconds from one frame to the next. */
export const LONGEST_FRAME = `new Promise((done) => {
  let [longest, last] = [0, performance.now()];
  const step = (now) => {
    longest = Math.max(longest, now - last);
    last = now;
    const before = scrollY;
    scrollBy(0, innerHeight);
    if (scrollY === before) done(longest);
    else requestAnimationFrame(step);
  };
  scrollTo(0, 0);
  requestAnimationFrame((now) => { last = now; requestAnimationFrame(step); });
})`;
