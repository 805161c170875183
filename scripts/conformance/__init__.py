"""TOSA's own conformance tests, through the reference model, the engine and the contract: `make conformance`.

::

    generate    the tests, by TOSA's generator, from a seed
    reference   TOSA's reference model, in a process of its own
    judge       one test: the engine against the reference model, the contract against the engine
    run         many tests on one chain
    report      the table, and the same for machines
"""
