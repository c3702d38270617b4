/** Formats of exports; apart from their making, because the route table names them. */
export const EXPORT_FORMATS = ['ndjson', 'csv', 'bundle', 'tlog-tiles'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];
