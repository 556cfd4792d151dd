"""Newsletter sign-ups; who refuses a bad body is the framework, in its own words."""

from typing import Annotated

from fastapi import FastAPI
from pydantic import AfterValidator, BaseModel, Field, StrictBool


class SignUp(BaseModel):
    email: Annotated[str, Field(pattern="@"), AfterValidator(str.lower)]
    weekly: StrictBool = False


app = FastAPI()


@app.post("/signups", status_code=201)
async def sign_up(wanted: SignUp) -> SignUp:
    return wanted
