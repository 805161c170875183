import pytest
from tests.contracts import test_disputes_prove as m
from tests.contracts.test_disputes_prove import case, model  # noqa


@pytest.mark.parametrize("i", range(120))
def test_r(world, case, i):
    real = world.chain.rpc

    def rpc(method, *p):
        if method == "evm_revert":
            st = real("txpool_status")
            r = real(method, *p)
            st2 = real("txpool_status")
            if st["pending"] != "0x0" or st2["pending"] != "0x0" or r is not True:
                print("POOL", st, st2, r)
            return r
        return real(method, *p)

    world.chain.rpc = rpc
    try:
        m.test_reward__when_the_place_was_held_too_long__is_the_provers(world, case)
    finally:
        world.chain.rpc = real
