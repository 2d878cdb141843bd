/* The digest of the sources when they were compiled; see library.py. */
const char *sources_digest(void) { return DIGEST; }
