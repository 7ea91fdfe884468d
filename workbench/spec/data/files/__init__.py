"""Own data: how files become arrays, and the checks they must pass. Nothing here loads torch."""
