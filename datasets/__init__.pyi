from .boxes import Boxes as Boxes
from .errors import PairError as PairError
from .loading import load as load
from .loading import names as names
from .pairs import Pair as Pair
from .pairs import PairDataset as PairDataset
from .pairs import pair_folders as pair_folders
