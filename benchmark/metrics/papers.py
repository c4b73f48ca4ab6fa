"""Papers that metrics of several files come from."""

VIFB = "Zhang, Ye, Xiao: VIFB: A visible and infrared image fusion benchmark. CVPR Workshops 2020"
