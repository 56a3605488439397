// Label and field selectors: what may import this folder needs no more than this.
export { parseFieldSelector } from "./field-selector.ts";
export { labelSelectorMatches, labelSelectorText } from "./label-requirement.ts";
export { parseLabelSelector } from "./label-selector.ts";
