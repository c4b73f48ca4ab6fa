"""The commands of the benchmark; what each takes and does is in `benchmark.commands`, imported when it is asked for."""

from __future__ import annotations

from ivif.command_line import Command, Group

_COMMANDS = "ivif.benchmark.commands"

GROUP = Group(
    "benchmark",
    "Measure infrared-visible image fusion.",
    {
        "run": Command(
            "fuse, measure and print the leaderboard",
            f"{_COMMANDS}.running:fill_run",
            (
                "run",
                "run --infrared DIR --visible DIR --fused MyNet=DIR",
                "run --dataset vifb --root VIFB --method laplacian,adf --fused 'GFF=VIFB/{pair}_GFF.jpg'",
            ),
            "ivif.benchmark.running.unchanged:repeated",
        ),
        "merge": Command(
            "join the shards of a run, made by `run --shard`, to what one run would be",
            f"{_COMMANDS}.running:fill_merge",
            ("merge runs/vifb",),
        ),
        "leaderboard": Command(
            "print the leaderboard of a run directory",
            f"{_COMMANDS}.reading:fill_leaderboard",
            (
                "leaderboard runs/vifb",
                "leaderboard runs/vifb --format tex --columns en,sd,vif --decimals 2 -o table.tex",
                "leaderboard runs/vifb --format xlsx -o table.xlsx",
            ),
        ),
        "report": Command(
            "one HTML file of a run: table, pictures, plots, and where each number comes from",
            f"{_COMMANDS}.reading:fill_report",
            ("report runs/vifb", "report runs/classical runs/networks -o report.html --images beside"),
        ),
        "list": Command(
            "what there is to choose from",
            f"{_COMMANDS}.listing:fill_list",
            ("list methods", "list metrics '*ssim*'"),
        ),
        "explain": Command(
            "what a metric measures and how",
            f"{_COMMANDS}.listing:fill_explain",
            ("explain qabf", "explain MS-SSIM"),
        ),
        "sheet": Command(
            "one picture of the fused images of all methods, to look at",
            f"{_COMMANDS}.reading:fill_sheet",
            ("sheet runs/vifb --pair carLight", "sheet runs/vifb -o sheet.pdf"),
        ),
        "compare": Command(
            "methods against a baseline: paired tests, metric by metric",
            f"{_COMMANDS}.reading:fill_compare",
            ("compare runs/vifb laplacian adf gff", "compare runs/rts"),
        ),
        "rts-evidence": Command(
            "networks against their +rts counterparts, in one or more runs",
            f"{_COMMANDS}.reading:fill_rts_evidence",
            ("rts-evidence runs/vifb runs/tno runs/llvip --format md -o evidence.md",),
        ),
        "predict": Command(
            "which metric ranks methods as detection and tracking do",
            f"{_COMMANDS}.reading:fill_predict",
            ("predict runs/default",),
        ),
        "variants": Command(
            "metrics as different codes compute them, and how rankings change",
            f"{_COMMANDS}.reading:fill_variants",
            ("variants runs/whose --pair carLight",),
        ),
        "temporal": Command(
            "flicker and warping error of a run on sequences",
            f"{_COMMANDS}.reading:fill_temporal",
            ("temporal runs/default",),
        ),
        "transfer": Command(
            "whether methods rank on one run's data as on another's",
            f"{_COMMANDS}.reading:fill_transfer",
            ("transfer runs/default runs/vifb",),
        ),
        "metrics-check": Command(
            "every metric beside the original codes' values on stored images",
            f"{_COMMANDS}.experimenting:fill_metrics_check",
            ("metrics-check", "metrics-check --metrics qabf,vif"),
        ),
        "complexity": Command(
            "parameters, GMAC, seconds and memory of methods",
            f"{_COMMANDS}.experimenting:fill_complexity",
            ("complexity --method sdnet,swinfusion --size 640x480", "complexity --plain"),
        ),
        "estimate": Command(
            "what a large run takes, from what one pair takes here",
            f"{_COMMANDS}.experimenting:fill_estimate",
            ("estimate", "estimate --dataset llvip --pairs 100000 --count 50 --workers 64"),
        ),
        "stages": Command(
            "references: whether every stage makes better pictures",
            f"{_COMMANDS}.experimenting:fill_stages",
            ("stages --out references --for sdnet",),
        ),
        "ablate": Command(
            "what references, filter, enhancement and aggregation are worth",
            f"{_COMMANDS}.experimenting:fill_ablate",
            ("ablate sdnet --pool references/pool",),
        ),
        "robustness": Command(
            "what is left of methods when the cameras fail: noise, fog, stripes, misregistration ...",
            f"{_COMMANDS}.robustness:fill_robustness",
            (
                "robustness",
                "robustness --dataset vifb --method gff,sdnet,sdnet+rts,mine:MyNet --corruption fog,shift --limit 5",
                "robustness --infrared DIR --visible DIR --severity 1,2,3,4,5",
            ),
        ),
        "corruptions": Command(
            "what goes wrong with sources: how much at each severity, and a sheet to look at",
            f"{_COMMANDS}.corrupting:fill_corruptions",
            (
                "corruptions --dataset vifb",
                "corruptions --dataset vifb --pair carLight --severity 1,3,5 --sheet corruptions.png",
                "corruptions --dataset roadscene --held-out --calibrate",
            ),
        ),
        "catalogue": Command(
            "write down what is registered, which list and explain read; after adding a metric or method",
            f"{_COMMANDS}.cataloguing:fill_catalogue",
            ("catalogue",),
        ),
    },
)

main = GROUP.main
