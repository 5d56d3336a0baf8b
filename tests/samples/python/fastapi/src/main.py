from fastapi import FastAPI, HTTPException, Request, Response
from mangum import Mangum
from pydantic import BaseModel

app = FastAPI()
items = {}


class Item(BaseModel):
    name: str
    price: float


@app.put("/items/{number}", status_code=201)
def put(number: int, item: Item):
    items[number] = item
    return item


@app.get("/items/{number}")
def get(number: int):
    if number not in items:
        raise HTTPException(404, f"there is no item {number}")
    return items[number]


@app.get("/search")
def search(request: Request, q: str, limit: int = 10):
    return {"q": q, "limit": limit, "tags": request.query_params.getlist("tag")}


@app.get("/cookies")
def cookies(request: Request, response: Response):
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return request.cookies


@app.get("/picture")
def picture():
    return Response(bytes(range(256)), media_type="image/png")


@app.post("/bytes")
async def length(request: Request):
    return {"length": len(await request.body())}


handler = Mangum(app, lifespan="off")
