export interface ChartSeries {
  label: string;
  /** A token of styles/tokens.css: "--accent", "--danger". */
  color: '--accent' | '--danger' | '--ok' | '--warn' | '--ink-soft';
  values: number[];
}
