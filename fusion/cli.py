"""The commands of fusion; what each takes and does is imported when it is asked for."""

from __future__ import annotations

from ivif.command_line import Command, Group

GROUP = Group(
    "fusion",
    "Fuse infrared and visible images.",
    {
        "fuse": Command(
            "fuse a pair of files, or two folders of them",
            "ivif.fusion.commands:fill_fuse",
            (
                "fuse --method gff --infrared a.png --visible b.png -o fused.png",
                "fuse --method sdnet+rts --infrared DIR --visible DIR -o DIR",
            ),
        ),
        "parity": Command(
            "compare a method with published images of it",
            "ivif.fusion.commands:fill_parity",
            ("parity --method adf --per-channel --root VIFB --published 'VIFB/{pair}_ADF.jpg'",),
        ),
        "export": Command(
            "write a network as an ONNX file, which runs without PyTorch",
            "ivif.fusion.commands:fill_export",
            ("export sdnet+rts -o sdnet.onnx", "export seafusion+published -o seafusion.onnx"),
        ),
        "weights": Command(
            "list, convert, verify or fetch the weights of networks",
            "ivif.fusion.weights.cli:fill_weights",
            ("weights list", "weights fetch sdnet", "weights convert sdnet CHECKPOINT"),
        ),
        "references": Command(
            "the best of what many methods made of each pair, to train on",
            "ivif.fusion.reference.cli:fill_references",
            ("references --for sdnet --preview --out references",),
        ),
        "train": Command(
            "train a network by its published recipe, or your own by yours",
            "ivif.fusion.training.cli:fill_train",
            (
                "train sdnet --budget 40m --out DIR",
                "train sdnet --supervision rts --references references/sdnet --out DIR",
                "train mine:MyRecipe",
            ),
        ),
        "train-all": Command(
            "train all networks of a plan twice, by the sources and by references made for what each lacks",
            "ivif.fusion.training.cli:fill_train_all",
            ("train-all --out campaign", "train-all --out campaign --report"),
        ),
    },
)

main = GROUP.main
