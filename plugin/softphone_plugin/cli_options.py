"""Options and arguments that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="Namespace. Default: that of the kubeconfig's context.")
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")]
Context = Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")]
Kubeconfig = Annotated[Path | None, typer.Option("--kubeconfig", help="Path of the kubeconfig. Default: $KUBECONFIG.")]
Selector = Annotated[str, typer.Option("--selector", "-l", help="Only objects with these labels.")]
PhoneName = Annotated[
    str, typer.Argument(metavar="NAME", help="A Softphone, or a phone of a SoftphoneFleet: FLEET-INDEX.")
]
ObjectName = Annotated[
    str, typer.Argument(metavar="NAME", help="A Softphone, SoftphoneFleet or SoftphonePool; or sp/, spf/, spp/NAME.")
]
