from .loading import load as load
from .loading import names as names
from .method import FusionError as FusionError
from .method import FusionMethod as FusionMethod
from .registry import register as register
from .results import FolderResults as FolderResults
from .results import MethodResults as MethodResults
from .results import Results as Results
