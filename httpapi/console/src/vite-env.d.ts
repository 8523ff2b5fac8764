/// <reference types="vite/client" />

/** The API's routes when the pages were built, such as "get /api/jobs". */
declare const API_ROUTES: string[];
