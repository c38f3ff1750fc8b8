"""Reads a scrape on standard input by the rules of OpenMetrics, and prints each sample's name, labels and value, and its
exemplar's labels, as a line of JSON."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

for family in text_string_to_metric_families(sys.stdin.read()):
    for s in family.samples:
        exemplar = s.exemplar.labels if s.exemplar else None
        print(json.dumps({"name": s.name, "labels": s.labels, "value": str(s.value), "exemplar": exemplar}))
