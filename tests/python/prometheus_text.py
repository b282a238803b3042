"""Reads a page of metrics from standard input with the parser of prometheus_client, and prints
its families as JSON."""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families


def main():
    families = [
        {
            "name": family.name,
            "type": family.type,
            "help": family.documentation,
            "samples": [
                {"name": it.name, "labels": it.labels, "value": it.value} for it in family.samples
            ],
        }
        for family in text_string_to_metric_families(sys.stdin.read())
    ]
    json.dump(families, sys.stdout)


main()
