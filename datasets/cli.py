"""The commands of data sets; what each takes and does is imported when it is asked for."""

from __future__ import annotations

from ivif.command_line import Command, Group

GROUP = Group(
    "datasets",
    "Infrared-visible image pairs.",
    {
        "list": Command("all data sets, and which are here", "ivif.datasets.listing:fill_list", ("list",)),
        "show": Command(
            "what is known about a data set, and how to get it", "ivif.datasets.listing:fill_show", ("show vifb",)
        ),
        "download": Command("fetch and unpack data sets", "ivif.datasets.commands:fill_download", ("download vifb",)),
        "verify": Command(
            "look for errors in a data set; exit code 1 if there are any",
            "ivif.datasets.commands:fill_verify",
            ("verify vifb", "verify --infrared DIR --visible DIR"),
        ),
        "statistics": Command(
            "of data sets side by side: the first against the others",
            "ivif.datasets.commands:fill_statistics",
            ("statistics synthetic roadscene vifb --limit 36",),
        ),
        "render": Command(
            "write synthetic pairs and clips, with labels",
            "ivif.datasets.commands:fill_render",
            ("render --condition all --pairs 2 --sequence 60 --out DIR --preview",),
        ),
    },
    kept="what was fetched is kept, the same command goes on from here",
)

main = GROUP.main
