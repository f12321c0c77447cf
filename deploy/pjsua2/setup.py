"""Make a wheel of the compiled pjsua2 binding; build.py puts this beside it and sets the env."""

import os

from setuptools import Extension, setup

setup(
    name="pjsua2-python",
    version=os.environ["PJSUA2_VERSION"],
    description="PJSIP's pjsua2 binding, built for the uvbridge softswitch",
    license="GPL-2.0-or-later",
    py_modules=["pjsua2"],
    ext_modules=[
        Extension(
            "_pjsua2",
            sources=[],
            extra_objects=["pjsua2_wrap.o"],
            extra_link_args=os.environ["PJSUA2_LINK"].split(),
            language="c++",
        )
    ],
)
